-- Remembers a worker's latest claim.
UPDATE sessions SET claim = $1, first = $2, last = $3 WHERE worker = $4
