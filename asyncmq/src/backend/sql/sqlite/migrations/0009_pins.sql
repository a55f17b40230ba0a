-- Records that are kept as long as that of a job that waited for them: `keep_until` is the highest number then.
ALTER TABLE jobs ADD COLUMN pinned_by INTEGER;                     -- the number of that job
CREATE INDEX jobs_pinned ON jobs (pinned_by) WHERE pinned_by IS NOT NULL;
-- The jobs that pinned others and are forgotten, until all of those are let go.
CREATE TABLE unpinned (
    job      INTEGER PRIMARY KEY,
    strictly INTEGER NOT NULL             -- 1: those go with it that asked to be kept for longer
) STRICT;

-- Jobs that ended in any way may be kept otherwise than by number.
DROP INDEX jobs_exactly;
CREATE INDEX jobs_exactly ON jobs (queue, state, seq) WHERE keep_until IS NOT NULL;
ALTER TABLE queues ADD COLUMN exactly_cancelled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN exactly_dead INTEGER NOT NULL DEFAULT 0;
