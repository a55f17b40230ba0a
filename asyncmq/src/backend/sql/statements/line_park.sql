-- Takes a line aside until a time, or until a permit is there.
UPDATE lines SET parked_until = $1 WHERE line = $2
