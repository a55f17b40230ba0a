-- Lists the deduplication keys of a queue whose window is over.
SELECT key FROM dedup_keys WHERE queue = $1 AND until IS NOT NULL AND until <= $2 ORDER BY until LIMIT $3
