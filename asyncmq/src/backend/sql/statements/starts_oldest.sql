-- Lists the groups of a queue of which nothing has started for long, longest first.
SELECT grp, data FROM starts WHERE queue = $1 ORDER BY at LIMIT $2
