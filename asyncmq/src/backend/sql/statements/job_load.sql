-- Reads how a job stands.
SELECT job, queue, lane, priority, seq, state, attempt, crashes, created_at, run_at, expires_at, started_at,
       finished_at, keep_until, worker, token, charged, cancelling, noted, reason, args IS NULL,
       grp, line, keyed
FROM jobs WHERE job = $1
