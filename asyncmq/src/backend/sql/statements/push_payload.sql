-- Puts large arguments apart.
INSERT INTO payloads (job, args) VALUES ($1, $2)
