-- Lists jobs of a queue in no order.
SELECT job FROM jobs WHERE queue = $1 LIMIT $2
