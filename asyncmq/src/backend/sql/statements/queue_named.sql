-- Returns what a queue is called.
SELECT space, name FROM queues WHERE queue = $1
