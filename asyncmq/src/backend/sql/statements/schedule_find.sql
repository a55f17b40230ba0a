-- A schedule.
SELECT revision, next, record FROM schedules WHERE queue = $1 AND id = $2
