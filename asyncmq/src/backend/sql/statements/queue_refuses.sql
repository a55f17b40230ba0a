-- Takes note that somebody would start a job of a queue as soon as a permit is there.
UPDATE queues SET limited = limited + 1 WHERE queue = $1 AND limited IN (1, 3)
