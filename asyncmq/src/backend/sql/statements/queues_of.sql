-- Lists the queues of a namespace.
SELECT queue, name, used, completed, cancelled, failed, expired, exactly
FROM queues WHERE space = $1 ORDER BY name
