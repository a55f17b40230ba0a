-- Tells whether a worker is listed.
SELECT started_at FROM workers WHERE worker = $1
