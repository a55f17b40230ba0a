-- Frees a deduplication key.
DELETE FROM dedup_keys WHERE queue = $1 AND key = $2
