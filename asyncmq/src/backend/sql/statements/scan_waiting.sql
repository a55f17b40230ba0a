-- Lists the places of a lane behind a place.
SELECT priority, seq, job FROM jobs
WHERE lane = $1 AND state = 'waiting' AND (priority, seq) > ($2, $3) ORDER BY priority, seq LIMIT $4
