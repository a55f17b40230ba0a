-- Lists the blocked jobs that would have been due before a time.
SELECT job FROM jobs WHERE queue = $1 AND state = 'blocked' AND run_at < $2 ORDER BY seq LIMIT $3
