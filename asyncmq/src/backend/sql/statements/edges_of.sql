-- Reads how a job stands to its parents.
SELECT stands, input FROM edges WHERE child = $1 ORDER BY place
