-- Lets lines take turns again whose token is there.
UPDATE lines SET parked_until = NULL, turn = $1 WHERE queue = $2 AND parked_until <= $3
