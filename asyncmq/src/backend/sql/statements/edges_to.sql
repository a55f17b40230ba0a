-- Lists those that wait for a job.
SELECT child, place, on_failure, passes FROM edges WHERE parent = $1 AND stands = 0 ORDER BY child
