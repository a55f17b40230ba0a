-- Keeps an event for the other processes.
INSERT INTO events (event, space, data) VALUES ($1, $2, $3)
