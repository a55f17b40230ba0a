-- Writes that a running job has completed, if this claim still stands and nobody wants it cancelled, and neither its key nor another job waits for it. What the row has no
-- use for any more makes room for the result, so that it need not be moved.
UPDATE jobs SET state = 'completed', seq = $1, finished_at = $2, keep_until = $3, token = NULL, result = $4, room = NULL
WHERE job = $5 AND token = $6 AND queue = $7 AND state = 'active' AND cancelling = 0 AND keyed = 0
