-- Counts the lines of a queue that wait for a token or a permit.
SELECT count(*) FROM lines WHERE queue = $1 AND parked_until IS NOT NULL
