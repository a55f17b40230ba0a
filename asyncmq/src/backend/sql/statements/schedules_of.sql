-- The schedules of a namespace, or of one queue of it.
SELECT q.name, s.id, s.revision, s.next, s.record FROM queues q JOIN schedules s ON s.queue = q.queue
WHERE q.space = $1 AND ($2 IS NULL OR q.name = $2) ORDER BY q.name, s.id
