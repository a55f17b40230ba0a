-- Takes back how many jobs a key gives in its turn.
DELETE FROM weights WHERE queue = $1 AND grp = $2
