-- Writes that a running job has completed.
UPDATE jobs SET state = 'completed', seq = $1, finished_at = $2, keep_until = $3, token = NULL, result = $4 WHERE job = $5
