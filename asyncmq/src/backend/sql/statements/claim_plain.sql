-- Finds the job of a claim whose worker holds it and that nobody wants cancelled.
SELECT queue, options, noted, args IS NULL FROM jobs
WHERE job = $1 AND token = $2 AND state = 'active' AND cancelling = 0
