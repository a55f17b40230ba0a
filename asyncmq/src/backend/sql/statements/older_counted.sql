-- Lists ended jobs that are kept by number, oldest first.
SELECT job, finished_at FROM jobs
WHERE queue = $1 AND state = $2 AND finished_at IS NOT NULL AND keep_until IS NULL ORDER BY seq
