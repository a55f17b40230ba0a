-- Returns what has started under a rate limit.
SELECT data FROM starts WHERE queue = $1 AND grp = $2
