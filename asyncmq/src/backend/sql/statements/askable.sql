-- Lists the running jobs whose permits are counted together and that nobody wants cancelled, each with its start.
SELECT job, started_at, token FROM jobs WHERE queue = $1 AND grp = $2 AND state = 'active' AND cancelling = 0
