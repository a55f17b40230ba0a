-- Tells who holds a deduplication key.
SELECT id, task, job, until, next FROM dedup_keys WHERE queue = $1 AND key = $2
