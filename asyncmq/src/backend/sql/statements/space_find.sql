-- Finds a namespace.
SELECT space FROM spaces WHERE prefix = $1
