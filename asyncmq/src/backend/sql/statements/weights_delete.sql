-- Forgets how many jobs keys give in their turn.
DELETE FROM weights WHERE queue = $1
