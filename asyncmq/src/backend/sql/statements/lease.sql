-- Tells how a claim stands.
SELECT cancelling FROM jobs WHERE job = $1 AND token = $2 AND state = 'active'
