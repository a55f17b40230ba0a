-- Lets lines take turns again that were parked under limits that are no more.
UPDATE lines SET parked_until = NULL
WHERE line IN (SELECT line FROM lines WHERE queue = $1 AND era < $2 AND parked_until IS NOT NULL LIMIT $3)
