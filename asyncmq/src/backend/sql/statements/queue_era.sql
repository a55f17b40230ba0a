-- Takes note that the limits of a queue were changed.
UPDATE queues SET era = era + 1 WHERE queue = $1
