-- Forgets what was noted of a job.
DELETE FROM notes WHERE job = $1
