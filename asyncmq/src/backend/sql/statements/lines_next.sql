-- Lists the lines of a lane whose turn is next, and how many jobs each may give in it.
SELECT line, priority, grp,
       coalesce((SELECT w.weight FROM weights w WHERE w.queue = lines.queue AND w.grp = lines.grp), 1), given
FROM lines
WHERE lane = $1 AND parked_until IS NULL ORDER BY priority, turn LIMIT $2
