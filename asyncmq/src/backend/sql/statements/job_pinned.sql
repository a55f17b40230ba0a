-- Tells who pins a job.
SELECT pinned_by FROM jobs WHERE job = $1
