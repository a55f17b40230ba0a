-- Keeps what has started under a rate limit.
INSERT INTO starts (queue, grp, at, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (queue, grp) DO UPDATE SET at = excluded.at, data = excluded.data
