-- Tells whether a queue gives nothing out.
SELECT paused FROM queues WHERE queue = $1
