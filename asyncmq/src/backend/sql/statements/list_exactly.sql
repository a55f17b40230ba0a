-- Lists ended jobs that are kept for a time of their own, newest first.
SELECT seq, job, finished_at FROM jobs
WHERE queue = $1 AND state = $2 AND keep_until IS NOT NULL ORDER BY seq DESC LIMIT $3
