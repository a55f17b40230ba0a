-- Lists the first jobs of a line at which no attempt was made yet.
SELECT job FROM (
    SELECT job, attempt, crashes FROM jobs WHERE line = $1 AND state = 'waiting' ORDER BY seq LIMIT 4000
) WHERE attempt = 0 AND crashes = 0 LIMIT $2
