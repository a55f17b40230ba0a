-- Takes note that a job has notes.
UPDATE jobs SET noted = 1 WHERE job = $1
