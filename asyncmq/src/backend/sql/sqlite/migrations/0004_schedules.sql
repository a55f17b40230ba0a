-- Recurring jobs. What one is stands in its record, which only asyncmq's clients and workers read.
CREATE TABLE schedules (
    queue    INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    revision INTEGER NOT NULL,             -- drawn by lot at each change: whoever changes it shows the one that it has
    next     INTEGER,                      -- when it is due; none while it is paused, over or removed
    record   BLOB    NOT NULL,
    PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (queue, next) WHERE next IS NOT NULL;
