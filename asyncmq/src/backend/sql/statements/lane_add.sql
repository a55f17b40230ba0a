-- Makes a lane.
INSERT INTO lanes (queue, task, version, suspect, keyed) VALUES ($1, $2, $3, $4, $5) RETURNING lane
