-- The first schema. A job is one row of `jobs` from its push until it is forgotten; the partial indexes hold only what
-- is in their state, so that no search meets jobs which have ended or are not yet due.
-- Times are microseconds since 1970; ids that are UUIDs are 16 bytes, all others their text.

-- What all processes on this file share: one row.
CREATE TABLE store (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    now       INTEGER NOT NULL,           -- the time of the latest step: time never goes back
    numbers   INTEGER NOT NULL,           -- the latest number given to a place or a claim
    events    INTEGER NOT NULL,           -- the latest number given to an event
    listeners INTEGER NOT NULL            -- how many processes listen to events
) STRICT;
INSERT INTO store VALUES (1, 0, 0, 0, 0);

-- Namespaces: the `prefix` of URLs.
CREATE TABLE spaces (
    space  INTEGER PRIMARY KEY,
    prefix TEXT NOT NULL UNIQUE
) STRICT;

-- Queues and their counters, so that nothing has to be counted.
CREATE TABLE queues (
    queue     INTEGER PRIMARY KEY,
    space     INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    paused    INTEGER NOT NULL DEFAULT 0,
    used      INTEGER NOT NULL DEFAULT 0,
    waiting   INTEGER NOT NULL DEFAULT 0,
    active    INTEGER NOT NULL DEFAULT 0,
    delayed   INTEGER NOT NULL DEFAULT 0,
    blocked   INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed    INTEGER NOT NULL DEFAULT 0,
    expired   INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    exactly   INTEGER NOT NULL DEFAULT 0, -- those of the completed that are kept for a time of their own
    enqueued  INTEGER NOT NULL DEFAULT 0, -- how many were ever taken in
    ended     INTEGER NOT NULL DEFAULT 0, -- how many ever ended
    UNIQUE (space, name)
) STRICT;

-- What jobs of a queue have in common that decides who may take them: a claim looks only into lanes it can run.
CREATE TABLE lanes (
    lane    INTEGER PRIMARY KEY,
    queue   INTEGER NOT NULL,
    task    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    suspect INTEGER NOT NULL,             -- 1: a process has died with these jobs
    waiting INTEGER NOT NULL DEFAULT 0,
    UNIQUE (queue, task, version, suspect)
) STRICT;

CREATE TABLE jobs (
    job          INTEGER PRIMARY KEY,     -- its number
    queue        INTEGER NOT NULL,
    id           BLOB    NOT NULL,
    lane         INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    priority     INTEGER NOT NULL,
    seq          INTEGER NOT NULL,        -- its place among its like: waiting, delayed, or ended
    attempt      INTEGER NOT NULL,
    crashes      INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    run_at       INTEGER NOT NULL,
    expires_at   INTEGER,
    started_at   INTEGER,
    finished_at  INTEGER,
    keep_until   INTEGER,                 -- when it goes, if it asked for a time of its own
    worker       BLOB,                    -- who holds it, or held it last
    token        BLOB,                    -- the claim that may settle it; outlives a rescue until the next claim
    charged      INTEGER NOT NULL DEFAULT 0, -- 1: the rescue that let it wait again was held against it
    cancelling   INTEGER NOT NULL DEFAULT 0, -- 1: somebody wants it cancelled while it runs
    noted        INTEGER NOT NULL DEFAULT 0, -- 1: it has a row in `notes`
    reason       TEXT,                    -- why it is, or is to be, cancelled
    options      TEXT,                    -- JSON: what it asks for beyond the defaults
    result       BLOB,
    args         BLOB,                    -- NULL: they are large and stand in `payloads`
    room         BLOB                     -- bytes that make way for what a claim and an end write
) STRICT;
CREATE UNIQUE INDEX jobs_by_id ON jobs (queue, id);
CREATE INDEX jobs_waiting ON jobs (lane, priority, seq) WHERE state = 'waiting';
CREATE INDEX jobs_delayed ON jobs (queue, run_at, seq) WHERE state = 'delayed';
CREATE INDEX jobs_held ON jobs (worker, token) WHERE state = 'active';
CREATE INDEX jobs_expiring ON jobs (queue, expires_at)
    WHERE expires_at IS NOT NULL AND attempt = 0 AND crashes = 0 AND state IN ('waiting', 'delayed');
CREATE INDEX jobs_counted ON jobs (queue, state, seq) WHERE finished_at IS NOT NULL AND keep_until IS NULL;
CREATE INDEX jobs_exactly ON jobs (queue, seq) WHERE keep_until IS NOT NULL;
CREATE INDEX jobs_kept ON jobs (queue, keep_until) WHERE keep_until IS NOT NULL;

-- Large arguments, out of the way of everything that does not read them.
CREATE TABLE payloads (
    job  INTEGER PRIMARY KEY,
    args BLOB NOT NULL
) STRICT;

-- What went wrong and what handlers said: JSON. Most jobs have no row.
CREATE TABLE notes (
    job      INTEGER PRIMARY KEY,
    errors   TEXT,
    logs     TEXT,
    progress TEXT
) STRICT;

-- The leases of workers, and each one's latest claim, to be repeated if its reply was lost.
CREATE TABLE sessions (
    worker      BLOB    PRIMARY KEY,
    space       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    claim       INTEGER,                  -- the number of the latest claim
    first       BLOB,                     -- its tokens lie from here
    last        BLOB                      -- up to, but without, here
) STRICT, WITHOUT ROWID;

-- The workers that registered.
CREATE TABLE workers (
    worker     BLOB    PRIMARY KEY,
    space      INTEGER NOT NULL,
    draining   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    info       TEXT    NOT NULL           -- JSON
) STRICT, WITHOUT ROWID;

-- The latest replies to each sender, so that a repeated call is answered as the first one.
CREATE TABLE replies (
    sender   BLOB    NOT NULL,
    verb     INTEGER NOT NULL,            -- 0: push, 1: settle
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    number   INTEGER NOT NULL,            -- in the order of arrival
    reply    TEXT    NOT NULL,
    PRIMARY KEY (sender, verb, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_by_time ON replies (at);

-- The processes that listen to events, and what they have still to read: the latest few thousand.
CREATE TABLE listeners (
    listener TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    event INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    data  TEXT    NOT NULL                -- JSON
) STRICT;
