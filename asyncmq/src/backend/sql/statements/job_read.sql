-- Reads all about a job but its large arguments and notes.
SELECT j.job, q.name, j.id, l.task, l.version, j.state, j.priority, j.attempt, j.crashes, j.max_attempts,
       j.created_at, j.run_at, j.expires_at, j.started_at, j.finished_at, j.worker, j.cancelling, j.noted,
       j.reason, j.options, j.result, j.args
FROM jobs j JOIN lanes l ON l.lane = j.lane JOIN queues q ON q.queue = j.queue WHERE j.job = $1
