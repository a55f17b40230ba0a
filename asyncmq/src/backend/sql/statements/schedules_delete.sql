-- Forgets the schedules of a queue.
DELETE FROM schedules WHERE queue = $1
