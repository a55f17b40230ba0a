-- Tells how a queue stands.
SELECT queue, paused, used, waiting, active, delayed, blocked, completed, failed, expired, cancelled,
       exactly, enqueued, ended
FROM queues WHERE space = $1 AND name = $2
