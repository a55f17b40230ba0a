-- Takes note that a queue was used.
UPDATE queues SET used = 1 WHERE queue = $1 AND used = 0
