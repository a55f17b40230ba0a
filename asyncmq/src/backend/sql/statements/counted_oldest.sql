-- Lists the ended jobs of a state that are kept by number, oldest first.
SELECT job, seq, finished_at FROM jobs
WHERE queue = $1 AND state = $2 AND finished_at IS NOT NULL AND keep_until IS NULL ORDER BY seq LIMIT $3
