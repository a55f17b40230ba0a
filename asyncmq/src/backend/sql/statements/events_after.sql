-- Reads the events behind a place.
SELECT event, space, data FROM events WHERE event > $1 ORDER BY event LIMIT $2
