-- Forgets a schedule.
DELETE FROM schedules WHERE queue = $1 AND id = $2
