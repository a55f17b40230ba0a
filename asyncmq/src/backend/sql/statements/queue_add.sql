-- Makes a queue that nobody has used yet.
INSERT INTO queues (space, name) VALUES ($1, $2) RETURNING queue
