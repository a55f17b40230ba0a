-- Writes what a job asks for, as it waits for more others.
UPDATE jobs SET options = $1 WHERE job = $2
