-- Makes a lane.
INSERT INTO lanes (queue, task, version, suspect) VALUES ($1, $2, $3, $4) RETURNING lane
