-- Moves the counters of a queue.
UPDATE queues
SET waiting = waiting + $1, active = active + $2, delayed = delayed + $3, blocked = blocked + $4,
    completed = completed + $5, failed = failed + $6, expired = expired + $7, cancelled = cancelled + $8,
    exactly = exactly + $9, enqueued = enqueued + $10, ended = ended + $11, used = max(used, $12)
WHERE queue = $13 RETURNING limited
