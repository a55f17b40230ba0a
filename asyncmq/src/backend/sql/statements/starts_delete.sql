-- Forgets what has started under a rate limit.
DELETE FROM starts WHERE queue = $1 AND grp = $2
