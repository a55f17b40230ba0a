-- Returns how many jobs of a queue run, and how many wait.
SELECT active, waiting FROM queues WHERE queue = $1
