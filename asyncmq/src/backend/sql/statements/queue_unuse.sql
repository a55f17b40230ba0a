-- Forgets a queue whose last job has gone.
UPDATE queues SET used = 0, paused = 0, limited = 0 WHERE queue = $1
