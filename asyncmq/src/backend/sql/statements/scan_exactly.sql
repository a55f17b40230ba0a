-- Lists completed jobs that are kept for a time of their own and ended before a place, newest first.
SELECT 0, seq, job FROM jobs
WHERE queue = $1 AND keep_until IS NOT NULL AND seq < $2 ORDER BY seq DESC LIMIT $3
