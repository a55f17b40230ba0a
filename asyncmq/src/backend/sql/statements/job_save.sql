-- Writes how a job stands.
UPDATE jobs
SET lane = $1, seq = $2, state = $3, attempt = $4, crashes = $5, run_at = $6, expires_at = $7, started_at = $8,
    finished_at = $9, keep_until = $10, worker = $11, token = $12, charged = $13, cancelling = $14, noted = $15,
    reason = $16, result = $17
WHERE job = $18
