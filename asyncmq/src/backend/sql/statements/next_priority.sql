-- Returns the next priority in a lane, with the oldest place.
SELECT priority, run_at FROM jobs
WHERE lane = $1 AND state = 'waiting' AND priority > $2 ORDER BY priority, seq LIMIT 1
