-- Lists the waiting jobs of a lane that were due before a time.
SELECT job FROM jobs WHERE lane = $1 AND state = 'waiting' AND run_at < $2 ORDER BY priority, seq
