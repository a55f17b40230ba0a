-- Tells whether a queue gives nothing out, whether it is held to limits, and how many times those were changed.
SELECT paused, limited, era FROM queues WHERE queue = $1
