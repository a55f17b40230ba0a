-- Makes a lease last until then; not that of a worker that was struck off, whose latest claim has the highest number.
INSERT INTO sessions (worker, space, until) VALUES ($1, $2, $3)
ON CONFLICT (worker) DO UPDATE
SET until = CASE claim WHEN 9223372036854775807 THEN until ELSE max(until, excluded.until) END
RETURNING claim, first, last
