-- Returns the id of a job and what it asked for.
SELECT id, options FROM jobs WHERE job = $1
