-- Forgets a job.
DELETE FROM jobs WHERE job = $1
