-- Lets a delayed job wait, behind the others.
UPDATE jobs SET state = 'waiting', seq = $1 WHERE job = $2
