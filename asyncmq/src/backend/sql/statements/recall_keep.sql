-- Remembers a reply.
INSERT INTO recalls (sender, verb, sequence, at, number, reply) VALUES ($1, $2, $3, $4, $5, $6)
