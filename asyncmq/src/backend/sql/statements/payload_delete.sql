-- Forgets large arguments.
DELETE FROM payloads WHERE job = $1
