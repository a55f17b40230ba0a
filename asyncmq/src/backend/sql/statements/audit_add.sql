-- Keeps a record of what somebody ordered.
INSERT INTO audit (entry, space, at, data) VALUES ($1, $2, $3, $4)
