-- Returns how many bytes the parents of a job passed on.
SELECT COALESCE(SUM(LENGTH(input)), 0) FROM edges WHERE child = $1
