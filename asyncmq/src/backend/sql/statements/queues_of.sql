-- Lists the queues of a namespace, and how many of their jobs are kept by number.
SELECT queue, name, used, completed - exactly, cancelled - exactly_cancelled, failed + expired - exactly_dead
FROM queues WHERE space = $1 ORDER BY name
