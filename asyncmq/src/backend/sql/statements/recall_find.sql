-- Returns the reply to a call that was carried out before.
SELECT reply FROM recalls WHERE sender = $1 AND verb = $2 AND sequence = $3
