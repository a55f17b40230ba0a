-- Keeps a record of what somebody ordered; of an order that is on record already, in place of that.
INSERT INTO audit (entry, space, at, told_at, ordered, data) VALUES ($1, $2, $3, $3, $4, $5)
ON CONFLICT (space, ordered) DO UPDATE SET told_at = excluded.told_at, data = excluded.data
