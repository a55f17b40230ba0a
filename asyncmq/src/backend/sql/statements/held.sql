-- Lists what a worker holds, in the order in which it was claimed.
SELECT job FROM jobs WHERE worker = $1 AND state = 'active' ORDER BY token LIMIT $2
