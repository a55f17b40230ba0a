-- Forgets the replies to senders that have long been silent.
DELETE FROM recalls WHERE (sender, verb, sequence) IN (
    SELECT sender, verb, sequence FROM recalls WHERE at < $1 ORDER BY at LIMIT $2)
