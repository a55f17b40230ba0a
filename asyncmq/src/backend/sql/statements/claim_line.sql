-- Reads the first jobs of a line.
SELECT job, priority, seq, id, attempt, crashes, max_attempts, run_at, expires_at, options, args FROM jobs
WHERE line = $1 AND state = 'waiting' ORDER BY seq LIMIT $2
