-- What is recorded of an order later takes the place of what was recorded before.
ALTER TABLE audit ADD COLUMN told_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN ordered BLOB;                             -- which order it is about
CREATE UNIQUE INDEX audit_by_order ON audit (space, ordered);
UPDATE audit SET told_at = at, data = json_set(data, '$.ended', json('true'));
