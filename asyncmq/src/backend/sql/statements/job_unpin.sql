-- Takes note that nobody pins a job any more.
UPDATE jobs SET pinned_by = NULL WHERE job = $1
