-- What people ordered: the latest thousand of each namespace.
CREATE TABLE audit (
    entry INTEGER PRIMARY KEY,             -- its number
    space INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    data  TEXT    NOT NULL                 -- JSON
) STRICT;
CREATE INDEX audit_by_space ON audit (space, entry);
