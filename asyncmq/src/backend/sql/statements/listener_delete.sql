-- Takes note that a process has ceased to listen.
DELETE FROM listeners WHERE listener = $1
