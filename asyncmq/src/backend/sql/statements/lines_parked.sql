-- Counts the lines of a queue that wait for a token or a permit; those whose time has come stand there until the next claim.
SELECT count(*) FROM lines WHERE queue = $1 AND $2 < parked_until
