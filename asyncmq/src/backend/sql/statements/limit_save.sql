-- Sets a limit.
INSERT INTO limits (queue, scope, declared, ordered) VALUES ($1, $2, $3, $4)
ON CONFLICT (queue, scope) DO UPDATE SET declared = excluded.declared, ordered = excluded.ordered
