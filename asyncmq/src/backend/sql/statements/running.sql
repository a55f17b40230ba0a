-- Returns how many jobs run whose permits are counted together.
SELECT count(*) FROM jobs WHERE queue = $1 AND grp = $2 AND state = 'active'
