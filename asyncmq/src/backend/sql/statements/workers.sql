-- Lists the workers.
SELECT worker, started_at, seen_at, info FROM workers WHERE space = $1 ORDER BY worker
