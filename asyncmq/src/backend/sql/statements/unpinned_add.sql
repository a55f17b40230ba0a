-- Takes note that a job is forgotten that pins others.
INSERT INTO unpinned (job, strictly) VALUES ($1, $2)
