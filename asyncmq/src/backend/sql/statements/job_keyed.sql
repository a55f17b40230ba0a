-- Takes note that a job has a deduplication key.
UPDATE jobs SET keyed = keyed | 1 WHERE job = $1
