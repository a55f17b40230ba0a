-- Lists delayed jobs as they will be due.
SELECT job, run_at FROM jobs
WHERE queue = $1 AND state = 'delayed' ORDER BY run_at, seq LIMIT $2 OFFSET $3
