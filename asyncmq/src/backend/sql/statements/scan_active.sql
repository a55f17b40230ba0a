-- Lists what workers hold of a queue, in no order.
SELECT started_at, job, job FROM jobs WHERE worker IS NOT NULL AND queue = $1 AND state = 'active'
