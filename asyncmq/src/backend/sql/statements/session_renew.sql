-- Makes a lease last until then, and ends a rescue that was not through.
INSERT INTO sessions (worker, space, until) VALUES ($1, $2, $3)
ON CONFLICT (worker) DO UPDATE SET until = max(until, excluded.until), had_suspect = NULL
RETURNING claim, first, last
