-- Lists the records of a namespace, the latest first.
SELECT at, told_at, ordered, data FROM audit WHERE space = $1 ORDER BY entry DESC LIMIT $2 OFFSET $3
