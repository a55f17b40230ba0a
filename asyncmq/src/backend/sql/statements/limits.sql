-- Lists what a queue and its tasks are held to.
SELECT scope, declared, ordered FROM limits WHERE queue = $1
