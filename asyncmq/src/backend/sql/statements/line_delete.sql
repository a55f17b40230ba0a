-- Forgets a line in which nothing waits.
DELETE FROM lines WHERE line = $1
