-- Tells whether a job waits for a parent.
SELECT EXISTS (SELECT 1 FROM edges WHERE child = $1 AND stands = 0)
