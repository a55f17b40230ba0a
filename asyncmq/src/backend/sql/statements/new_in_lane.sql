-- Lists the first jobs of a lane, of its first priority, at which no attempt was made yet.
SELECT job FROM (
    SELECT job, attempt, crashes FROM jobs
    WHERE lane = $1 AND state = 'waiting' AND priority =
        (SELECT priority FROM jobs WHERE lane = $1 AND state = 'waiting' ORDER BY priority LIMIT 1)
    ORDER BY seq LIMIT 4000
) WHERE attempt = 0 AND crashes = 0 LIMIT $2
