-- Forgets a running job that has completed, if this claim still stands, nobody wants it cancelled, and all of it is here.
DELETE FROM jobs
WHERE job = $1 AND token = $2 AND queue = $3 AND state = 'active' AND cancelling = 0 AND noted = 0
  AND keyed = 0 AND args IS NOT NULL
