-- Tells whether a reply to a sender is kept to a call between two others.
SELECT EXISTS (SELECT 1 FROM replies WHERE sender = $1 AND verb = $2 AND sequence BETWEEN $3 AND $4)
