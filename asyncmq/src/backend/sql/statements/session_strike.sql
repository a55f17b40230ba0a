-- Strikes a worker off: its session stays for a while, so that no claim that is still under way counts as its first.
INSERT INTO sessions (worker, space, until, claim, first, last) VALUES ($1, $2, $3, 9223372036854775807, x'', x'')
ON CONFLICT (worker) DO UPDATE
SET until = excluded.until, claim = excluded.claim, first = excluded.first, last = excluded.last
