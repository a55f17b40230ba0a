-- Returns the reply to a call that was carried out before.
SELECT reply FROM replies WHERE sender = $1 AND verb = $2 AND sequence = $3
