-- Forgets the replies to senders that have long been silent.
DELETE FROM replies WHERE (sender, verb, sequence) IN (
    SELECT sender, verb, sequence FROM replies WHERE at < $1 ORDER BY at LIMIT $2)
