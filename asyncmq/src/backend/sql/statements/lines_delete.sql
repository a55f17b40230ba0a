-- Forgets the lines of a queue.
DELETE FROM lines WHERE queue = $1
