-- Lets a job wait in the line of its key; one that was empty takes its turn behind the others.
INSERT INTO lines (queue, lane, priority, grp, waiting, turn) VALUES ($1, $2, $3, $4, 1, $5)
ON CONFLICT (lane, priority, grp) DO UPDATE SET waiting = waiting + 1 RETURNING line
