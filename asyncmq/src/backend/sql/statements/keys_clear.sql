-- Frees all deduplication keys of a queue.
DELETE FROM dedup_keys WHERE queue = $1
