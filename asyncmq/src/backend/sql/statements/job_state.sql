-- Reads where a job stands, which stands before whatever of its row may be long.
SELECT state FROM jobs WHERE job = $1
