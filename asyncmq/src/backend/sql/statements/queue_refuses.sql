-- Takes note that somebody would start a job of a queue as soon as a permit is there.
UPDATE queues SET limited = 2 WHERE queue = $1 AND limited = 1
