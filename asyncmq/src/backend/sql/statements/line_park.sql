-- Takes a line aside until a time, or until a permit is there.
UPDATE lines SET parked_until = $1, era = $2, given = 0 WHERE line = $3
