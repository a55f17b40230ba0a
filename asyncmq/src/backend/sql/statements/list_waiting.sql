-- Lists the places of a lane.
SELECT priority, seq, job FROM jobs
WHERE lane = $1 AND state = 'waiting' ORDER BY priority, seq LIMIT $2
