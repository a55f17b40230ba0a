-- Finds a lane.
SELECT lane FROM lanes WHERE queue = $1 AND task = $2 AND version = $3 AND suspect = $4 AND keyed = $5
