-- Writes that a parent has ended.
UPDATE edges SET stands = $1, input = $2 WHERE child = $3 AND place = $4
