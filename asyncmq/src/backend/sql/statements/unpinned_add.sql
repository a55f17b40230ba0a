-- Takes note that a job is forgotten that pins others.
INSERT INTO unpinned (job) VALUES ($1)
