-- Takes note of whose permits a job counts among, and of the line in which it waits.
UPDATE jobs SET grp = $1, line = $2 WHERE job = $3
