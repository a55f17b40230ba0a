-- Finds a job by its id.
SELECT job, lane FROM jobs WHERE queue = $1 AND id = $2
