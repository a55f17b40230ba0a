-- Forgets the limits of a queue.
DELETE FROM limits WHERE queue = $1
