-- Lists blocked jobs in the order in which they came.
SELECT job FROM jobs WHERE queue = $1 AND state = 'blocked' ORDER BY seq LIMIT $2 OFFSET $3
