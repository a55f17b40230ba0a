-- Lists the lines of a lane whose turn is next.
SELECT line, priority, grp FROM lines
WHERE lane = $1 AND parked_until IS NULL ORDER BY priority, turn LIMIT $2
