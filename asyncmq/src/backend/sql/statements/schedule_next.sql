-- When the next schedule of a queue is due that is not yet.
SELECT min(next) FROM schedules WHERE queue = $1 AND next > $2
