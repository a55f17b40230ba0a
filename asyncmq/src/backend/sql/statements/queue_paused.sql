-- Tells whether a queue gives nothing out, and whether it is held to limits.
SELECT paused, limited FROM queues WHERE queue = $1
