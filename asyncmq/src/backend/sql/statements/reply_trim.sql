-- Forgets all but the latest replies to a sender.
DELETE FROM replies WHERE sender = $1 AND verb = $2 AND number < (
    SELECT number FROM replies WHERE sender = $1 AND verb = $2 ORDER BY number DESC LIMIT 1 OFFSET $3)
