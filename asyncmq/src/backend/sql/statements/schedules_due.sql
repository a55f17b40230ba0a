-- The schedules of a queue that are due, the one that is longest due first.
SELECT id, revision, next, record FROM schedules WHERE queue = $1 AND next <= $2 ORDER BY next, id LIMIT $3
