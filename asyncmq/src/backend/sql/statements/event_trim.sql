-- Drops the oldest events.
DELETE FROM events WHERE event <= $1
