-- Reads what a worker still holds of its latest claim.
SELECT job, queue, lane, token, id, attempt, crashes, max_attempts, priority, options, args FROM jobs
WHERE worker = $1 AND state = 'active' AND token >= $2 AND token < $3 ORDER BY token
