-- Writes what is noted of a job.
INSERT INTO notes (job, errors, logs, progress) VALUES ($1, $2, $3, $4)
ON CONFLICT (job) DO UPDATE SET errors = excluded.errors, logs = excluded.logs, progress = excluded.progress
