-- Returns when the next delayed job of a queue is due.
SELECT run_at FROM jobs WHERE queue = $1 AND state = 'delayed' ORDER BY run_at, seq LIMIT 1
