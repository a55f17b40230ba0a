-- Puts a job into a worker's hand. The row stays as long as it was, so that it need not be moved.
UPDATE jobs
SET state = 'active', attempt = $1, started_at = $2, worker = $3, token = $4, charged = 0, cancelling = 0,
    room = zeroblob(2)
WHERE job = $5
