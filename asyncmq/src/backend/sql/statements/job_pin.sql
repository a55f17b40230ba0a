-- Keeps a job as long as another one, which waits for it.
UPDATE jobs SET pinned_by = $1, keyed = keyed | 2 WHERE job = $2
