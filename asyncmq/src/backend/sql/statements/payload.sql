-- Returns large arguments.
SELECT args FROM payloads WHERE job = $1
