-- Forgets a limit.
DELETE FROM limits WHERE queue = $1 AND scope = $2
