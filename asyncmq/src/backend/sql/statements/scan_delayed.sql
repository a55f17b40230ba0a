-- Lists delayed jobs behind a place, as they will be due.
SELECT run_at, seq, job FROM jobs
WHERE queue = $1 AND state = 'delayed' AND (run_at, seq) > ($2, $3) ORDER BY run_at, seq LIMIT $4
