-- Writes how a job stands to one of its parents.
INSERT INTO edges (child, place, parent, on_failure, passes, stands, input) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (child, place) DO UPDATE SET parent = excluded.parent, stands = excluded.stands, input = excluded.input
