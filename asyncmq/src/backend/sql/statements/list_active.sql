-- Lists what workers hold of a queue, oldest first.
SELECT job FROM jobs
WHERE worker IS NOT NULL AND queue = $1 AND state = 'active' ORDER BY started_at, token LIMIT $2 OFFSET $3
