-- Removes a worker from the list.
DELETE FROM workers WHERE worker = $1
