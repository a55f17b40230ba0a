-- Lists a worker, or brings its entry up to date.
INSERT INTO workers (worker, space, draining, started_at, seen_at, info) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (worker) DO UPDATE SET draining = excluded.draining, seen_at = excluded.seen_at, info = excluded.info
