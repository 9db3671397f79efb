-- The whole layout of a leftfold SQLite file, format 1.

CREATE TABLE meta (                  -- what this file is: format, store id, tenant
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE events (                -- the log: a position is given in commit order, and never again
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    type     TEXT NOT NULL,
    body     BLOB NOT NULL           -- the exact envelope bytes
);

CREATE TABLE slots (                 -- each event's place in each of its streams: the next slot is free, or taken once
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (stream, version)
) WITHOUT ROWID;

CREATE TABLE commands (              -- ids given by callers: what each appended; stream '*' for once="forever"
    id     TEXT    NOT NULL,
    stream TEXT    NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (id, stream)
) WITHOUT ROWID;

CREATE TABLE snapshots (             -- discardable: one a stream and fold
    stream      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    at          TEXT    NOT NULL,
    state       BLOB    NOT NULL,
    PRIMARY KEY (stream, fingerprint)
) WITHOUT ROWID;

CREATE TABLE checkpoints (           -- how far each subscriber is
    subscriber TEXT PRIMARY KEY,
    position   INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    moved_at   TEXT
) WITHOUT ROWID;

CREATE TABLE leases (                -- who may move it (owner|process); times in microseconds since 1970
    subscriber TEXT PRIMARY KEY,
    owner      TEXT    NOT NULL,
    token      INTEGER NOT NULL,
    until      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE dead (                  -- what was set aside, by lane
    subscriber TEXT    NOT NULL,
    lane       TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    error      TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    PRIMARY KEY (subscriber, lane, position)
) WITHOUT ROWID;

CREATE TABLE rows (                  -- view rows, by build
    build   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    applied INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    PRIMARY KEY (build, key)
) WITHOUT ROWID;

CREATE TABLE entries (               -- declared indexes of rows
    build TEXT NOT NULL,
    name  TEXT NOT NULL,
    value      NOT NULL,
    key   TEXT NOT NULL,
    PRIMARY KEY (build, name, value, key)
) WITHOUT ROWID;

CREATE TABLE views (                 -- which build of a view serves
    view      TEXT PRIMARY KEY,
    live      TEXT,
    candidate TEXT,
    previous  TEXT
) WITHOUT ROWID;
