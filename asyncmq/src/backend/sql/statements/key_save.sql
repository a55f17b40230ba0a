-- Writes who holds a deduplication key.
INSERT INTO dedup_keys (queue, key, id, task, job, until, next) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (queue, key) DO UPDATE
SET id = excluded.id, task = excluded.task, job = excluded.job, until = excluded.until, next = excluded.next
