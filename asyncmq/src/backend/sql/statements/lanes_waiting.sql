-- Lists the lanes of a queue in which jobs wait.
SELECT lane, task, version, suspect, keyed, waiting FROM lanes WHERE queue = $1 AND waiting > 0
