-- Moves the counters of a queue.
UPDATE queues
SET waiting = waiting + $1, active = active + $2, delayed = delayed + $3, blocked = blocked + $4,
    completed = completed + $5, failed = failed + $6, expired = expired + $7, cancelled = cancelled + $8,
    exactly = exactly + $9, exactly_cancelled = exactly_cancelled + $10, exactly_dead = exactly_dead + $11,
    enqueued = enqueued + $12, ended = ended + $13, used = max(used, $14)
WHERE queue = $15 RETURNING limited
