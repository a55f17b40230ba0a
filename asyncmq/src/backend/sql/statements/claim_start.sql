-- Puts a job into a worker's hand.
UPDATE jobs
SET state = 'active', attempt = $1, started_at = $2, worker = $3, token = $4, charged = 0, cancelling = 0
WHERE job = $5
