-- What is to be told to the outputs, written with the rows that it is about. A number is never used twice.
CREATE TABLE event (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    broker    TEXT    NOT NULL,
    identity  TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    ts        INTEGER NOT NULL,
    at        INTEGER NOT NULL, -- when it was written: it settles for a while before it is told
    body      TEXT    NOT NULL  -- JSON
) STRICT;
CREATE INDEX event_client ON event (client_id, ts);

-- How far each output got: what was told for certain, and what was handed out to be told.
CREATE TABLE output (
    name    TEXT    NOT NULL PRIMARY KEY,
    done    INTEGER NOT NULL,
    claimed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The first part of the events' ids: another database has another one.
CREATE TABLE event_store (id TEXT NOT NULL) STRICT;
INSERT INTO event_store (id) VALUES (lower(hex(randomblob(6))));
