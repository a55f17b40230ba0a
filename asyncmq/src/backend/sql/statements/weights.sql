-- Lists how many jobs keys give in their turn.
SELECT grp, weight FROM weights WHERE queue = $1 ORDER BY grp
