-- Lists the jobs of a queue whose time to live is over.
SELECT job FROM jobs
WHERE queue = $1 AND expires_at <= $2 AND expires_at IS NOT NULL AND attempt = 0 AND crashes = 0
  AND state IN ('waiting', 'delayed')
ORDER BY expires_at LIMIT $3
