-- Takes a job out of the line of its key, whose next turn comes behind the others'.
UPDATE lines SET waiting = waiting - 1, turn = $1 WHERE line = $2 RETURNING waiting
