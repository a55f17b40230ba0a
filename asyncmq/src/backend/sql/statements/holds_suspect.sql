-- Tells whether a worker holds a job that a process has died with.
SELECT EXISTS (SELECT 1 FROM jobs WHERE worker = $1 AND state = 'active' AND crashes > 0)
