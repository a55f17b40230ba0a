-- Reads the next jobs of a lane behind a place.
SELECT job, priority, seq, id, attempt, crashes, max_attempts, run_at, expires_at, options, args FROM jobs
WHERE lane = $1 AND state = 'waiting' AND (priority, seq) > ($2, $3) ORDER BY priority, seq LIMIT $4
