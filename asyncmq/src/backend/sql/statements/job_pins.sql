-- Tells whether a job pins others.
SELECT EXISTS (SELECT 1 FROM jobs WHERE pinned_by = $1)
