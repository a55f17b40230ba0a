-- Reads what was noted of a job.
SELECT errors, logs, progress FROM notes WHERE job = $1
