-- How many turns in one keys have, and lines that were parked under limits that are no more.
ALTER TABLE queues ADD COLUMN era INTEGER NOT NULL DEFAULT 0;      -- how many times the limits were changed

ALTER TABLE lines ADD COLUMN given INTEGER NOT NULL DEFAULT 0;     -- how many jobs it has given in its turn
ALTER TABLE lines ADD COLUMN era INTEGER NOT NULL DEFAULT 0;       -- that of the queue when it was parked
CREATE INDEX lines_by_era ON lines (queue, era) WHERE parked_until IS NOT NULL;

-- The keys that give more than one job in their turn.
CREATE TABLE weights (
    queue  INTEGER NOT NULL,
    grp    TEXT    NOT NULL,              -- task and key
    weight INTEGER NOT NULL,
    PRIMARY KEY (queue, grp)
) STRICT, WITHOUT ROWID;
