-- Lists ended jobs that are kept by number and ended before a place, newest first.
SELECT 0, seq, job FROM jobs
WHERE queue = $1 AND state = $2 AND finished_at IS NOT NULL AND keep_until IS NULL AND seq < $3 ORDER BY seq DESC LIMIT $4
