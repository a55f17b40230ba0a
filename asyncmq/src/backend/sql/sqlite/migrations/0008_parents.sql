-- Which jobs wait for which, and what was passed on.

CREATE TABLE edges (
    child      INTEGER NOT NULL, -- the job that waits
    place      INTEGER NOT NULL, -- the other one's place among its parents
    parent     INTEGER,          -- the job that it waits for; NULL if that was not known
    on_failure TEXT    NOT NULL, -- what becomes of the child if that does not complete
    passes     INTEGER NOT NULL, -- what is kept for the child, 0: nothing, 1: that it completed, 2: its output
    stands     INTEGER NOT NULL, -- 0: it has not ended, 1: it counts, 2: the child ended with it
    input      BLOB,             -- its output
    PRIMARY KEY (child, place)
) STRICT;
CREATE INDEX edges_open ON edges (parent) WHERE stands = 0;
-- Whether somebody waits for one more is asked at each end, also by a job that waits for thousands.
CREATE INDEX edges_waiting ON edges (child) WHERE stands = 0;
