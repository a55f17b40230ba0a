-- Lists jobs that one pins.
SELECT job FROM jobs WHERE pinned_by = $1 LIMIT $2
