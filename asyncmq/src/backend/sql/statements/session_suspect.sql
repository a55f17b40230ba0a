-- Remembers whether a suspect was among the jobs of a dead worker.
UPDATE sessions SET had_suspect = $1 WHERE worker = $2
