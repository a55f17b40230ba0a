-- Takes note that a job waits, or is waited for.
UPDATE jobs SET keyed = keyed | 2 WHERE job = $1
