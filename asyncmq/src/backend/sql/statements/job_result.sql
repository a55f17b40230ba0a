-- Returns what a job returned.
SELECT result FROM jobs WHERE job = $1
