-- Lets all lines of a queue take turns again.
UPDATE lines SET parked_until = NULL WHERE queue = $1 AND parked_until IS NOT NULL
