-- Writes that back at the end of a step.
UPDATE store SET now = $1, numbers = $2, events = $3, listeners = $4 WHERE one = 1
