-- Takes a job in, with room for what a claim will write; a row is added unless a job of this id is kept.
INSERT INTO jobs (job, queue, id, lane, state, priority, seq, attempt, crashes, max_attempts,
                  created_at, run_at, expires_at, options, args, room)
VALUES ($1, $2, $3, $4, $5, $6, $1, 0, 0, $7, $8, $9, $10, $11, $12, zeroblob(34))
ON CONFLICT (queue, id) DO NOTHING
