-- Takes note that a process listens.
INSERT INTO listeners (listener) VALUES ($1) ON CONFLICT DO NOTHING
