-- Returns what the jobs of a lane have in common.
SELECT queue, task, version, suspect, keyed FROM lanes WHERE lane = $1
