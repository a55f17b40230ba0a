-- Lists ended jobs that are kept for a time of their own and ended before a place, newest first.
SELECT 0, seq, job FROM jobs
WHERE queue = $1 AND state = $2 AND keep_until IS NOT NULL AND seq < $3 ORDER BY seq DESC LIMIT $4
