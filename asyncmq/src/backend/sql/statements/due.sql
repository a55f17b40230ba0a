-- Lists the delayed jobs of a queue whose time has come.
SELECT job, lane FROM jobs
WHERE queue = $1 AND state = 'delayed' AND run_at <= $2 ORDER BY run_at, seq LIMIT $3
