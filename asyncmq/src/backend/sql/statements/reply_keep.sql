-- Remembers a reply.
INSERT INTO replies (sender, verb, sequence, at, number, reply) VALUES ($1, $2, $3, $4, $5, $6)
