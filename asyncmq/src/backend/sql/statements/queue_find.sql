-- Finds a queue by its name.
SELECT queue FROM queues WHERE space = $1 AND name = $2
