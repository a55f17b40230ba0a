-- Takes note that somebody wants a running job cancelled.
UPDATE jobs SET cancelling = 1, reason = $1 WHERE job = $2
