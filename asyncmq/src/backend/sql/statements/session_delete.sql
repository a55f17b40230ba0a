-- Forgets a lease.
DELETE FROM sessions WHERE worker = $1
