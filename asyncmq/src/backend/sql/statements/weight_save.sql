-- Says how many jobs a key gives in its turn.
INSERT INTO weights (queue, grp, weight) VALUES ($1, $2, $3)
ON CONFLICT (queue, grp) DO UPDATE SET weight = excluded.weight
