-- Lets the lines of a key take turns again that wait for a permit.
UPDATE lines SET parked_until = NULL, turn = $1
WHERE queue = $2 AND grp = $3 AND parked_until = 9223372036854775807
