-- Keeps a schedule.
INSERT INTO schedules (queue, id, revision, next, record) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (queue, id) DO UPDATE SET revision = $3, next = $4, record = $5
