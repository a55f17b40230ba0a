-- Says until when a job that has ended is kept.
UPDATE jobs SET keep_until = $1 WHERE job = $2
