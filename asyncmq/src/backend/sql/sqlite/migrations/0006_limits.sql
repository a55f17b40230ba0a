-- Limits on what starts and runs, and keys whose jobs take turns.
ALTER TABLE queues ADD COLUMN limited INTEGER NOT NULL DEFAULT 0; -- 1: there are limits, 2: and somebody waits for a permit

-- A lane is of jobs with keys or without.
CREATE TABLE lanes_anew (
    lane    INTEGER PRIMARY KEY,
    queue   INTEGER NOT NULL,
    task    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    suspect INTEGER NOT NULL,             -- 1: these jobs live their last life
    keyed   INTEGER NOT NULL,             -- 1: each of these jobs has a key
    waiting INTEGER NOT NULL DEFAULT 0,
    UNIQUE (queue, task, version, suspect, keyed)
) STRICT;
INSERT INTO lanes_anew SELECT lane, queue, task, version, suspect, 0, waiting FROM lanes;
DROP TABLE lanes;
ALTER TABLE lanes_anew RENAME TO lanes;

-- The waiting jobs of one key and priority in a lane. Lines take turns; one that is parked waits for a token or a permit.
CREATE TABLE lines (
    line         INTEGER PRIMARY KEY,
    queue        INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    grp          TEXT    NOT NULL,        -- task and key
    waiting      INTEGER NOT NULL,
    turn         INTEGER NOT NULL,        -- its place among the others
    parked_until INTEGER,                 -- a time; the highest number: until a permit is there
    UNIQUE (lane, priority, grp)
) STRICT;
CREATE INDEX lines_by_turn ON lines (lane, priority, turn) WHERE parked_until IS NULL;
CREATE INDEX lines_parked ON lines (queue, parked_until, grp) WHERE parked_until IS NOT NULL;

ALTER TABLE jobs ADD COLUMN grp TEXT;                              -- whose permits it counts among, if it is held to any
ALTER TABLE jobs ADD COLUMN line INTEGER;                          -- where it waits, if it has a key
CREATE INDEX jobs_in_line ON jobs (line, seq) WHERE state = 'waiting' AND line IS NOT NULL;
CREATE INDEX jobs_running ON jobs (queue, grp) WHERE state = 'active' AND grp IS NOT NULL;

-- What a queue (no scope) or one of its tasks is held to: JSON.
CREATE TABLE limits (
    queue    INTEGER NOT NULL,
    scope    TEXT    NOT NULL,
    declared TEXT,
    ordered  TEXT,
    PRIMARY KEY (queue, scope)
) STRICT, WITHOUT ROWID;

-- What has started under a rate limit: of a queue (no group), a task, or a key.
CREATE TABLE starts (
    queue INTEGER NOT NULL,
    grp   TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    data  TEXT    NOT NULL,               -- JSON
    PRIMARY KEY (queue, grp)
) STRICT, WITHOUT ROWID;
CREATE INDEX starts_by_time ON starts (queue, at);
