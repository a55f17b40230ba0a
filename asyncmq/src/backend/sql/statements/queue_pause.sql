-- Pauses or resumes a queue; no row changes if it stands so already.
UPDATE queues SET paused = $1, used = 1 WHERE queue = $2 AND paused <> $1
