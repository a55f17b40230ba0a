-- Lists blocked jobs behind a place.
SELECT 0, seq, job FROM jobs WHERE queue = $1 AND state = 'blocked' AND seq > $2 ORDER BY seq LIMIT $3
