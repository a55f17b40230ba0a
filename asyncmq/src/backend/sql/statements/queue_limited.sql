-- Takes note whether a queue is held to limits.
UPDATE queues SET limited = $1 WHERE queue = $2
