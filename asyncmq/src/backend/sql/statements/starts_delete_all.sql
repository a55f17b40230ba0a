-- Forgets what has started in a queue.
DELETE FROM starts WHERE queue = $1
