-- Lists the ended jobs whose own time is over.
SELECT job FROM jobs
WHERE queue = $1 AND keep_until IS NOT NULL AND keep_until <= $2 ORDER BY keep_until LIMIT $3
