-- Makes a namespace.
INSERT INTO spaces (prefix) VALUES ($1) RETURNING space
