-- Moves the counter of a lane.
UPDATE lanes SET waiting = waiting + $1 WHERE lane = $2
