-- Lists the workers that have been silent for long.
SELECT s.worker FROM sessions s LEFT JOIN workers w ON w.worker = s.worker
WHERE s.space = $1 AND s.until <= $2 AND (w.seen_at IS NULL OR w.seen_at <= $2)
