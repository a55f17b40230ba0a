-- Lists the leases that have run out; a worker that was struck off has none.
SELECT s.worker, w.draining FROM sessions s LEFT JOIN workers w ON w.worker = s.worker
WHERE s.space = $1 AND s.until < $2 AND coalesce(s.claim, 0) < 9223372036854775807
