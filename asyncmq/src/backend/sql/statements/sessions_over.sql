-- Lists the leases that have run out.
SELECT s.worker, s.had_suspect, w.draining FROM sessions s LEFT JOIN workers w ON w.worker = s.worker
WHERE s.space = $1 AND s.until < $2
