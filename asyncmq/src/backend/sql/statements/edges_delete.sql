-- Forgets how a job stood to its parents.
DELETE FROM edges WHERE child = $1
