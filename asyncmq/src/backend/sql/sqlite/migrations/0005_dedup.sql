-- Deduplication keys that are held, and those whose window is over and which nobody has cleared away yet. The row of a job
-- says whether it has a key, so that for the others nobody looks here.
CREATE TABLE dedup_keys (
    queue INTEGER NOT NULL,
    key   TEXT    NOT NULL,
    id    BLOB    NOT NULL,               -- who took the key: its owner
    task  TEXT    NOT NULL,
    job   INTEGER,                        -- the owner until it has ended
    until INTEGER,                        -- when the window of a throttle ends
    next  INTEGER,                        -- the job that is blocked until the owner has ended
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_keys_by_end ON dedup_keys (queue, until) WHERE until IS NOT NULL;
ALTER TABLE jobs ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0; -- 1: it has a key
CREATE INDEX jobs_blocked ON jobs (queue, seq) WHERE state = 'blocked';
