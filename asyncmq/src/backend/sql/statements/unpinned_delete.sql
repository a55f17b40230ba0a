-- Takes note that a job pins no others any more.
DELETE FROM unpinned WHERE job = $1
