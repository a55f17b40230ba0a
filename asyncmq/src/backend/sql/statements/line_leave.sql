-- Takes a job out of the line of its key. Once that has given as many as its weight says, its next turn comes behind the others'.
UPDATE lines
SET waiting = waiting - 1, (turn, given) = (
    SELECT CASE WHEN given + 1 < weight THEN turn ELSE $1 END, CASE WHEN given + 1 < weight THEN given + 1 ELSE 0 END
    FROM (SELECT coalesce((SELECT w.weight FROM weights w WHERE w.queue = lines.queue AND w.grp = lines.grp), 1) AS weight)
)
WHERE line = $2 RETURNING waiting
