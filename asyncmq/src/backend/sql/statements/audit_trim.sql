-- Drops the oldest records of a namespace beyond a number.
DELETE FROM audit WHERE space = $1 AND entry <= (SELECT entry FROM audit WHERE space = $1 ORDER BY entry DESC LIMIT 1 OFFSET $2)
