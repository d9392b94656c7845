-- The latest refused attempt of each client. An ordinary rowid table on purpose: rows are large, and clustered by their
-- random keys they cost two to three times as much to write.
CREATE TABLE client (
    client_id         TEXT    NOT NULL,
    identity          TEXT    NOT NULL,
    broker            TEXT    NOT NULL,
    ip_address        TEXT,
    ts                INTEGER NOT NULL,
    username          TEXT,
    password_provided INTEGER,
    tls_used          INTEGER,
    reason            TEXT    NOT NULL,
    reason_code       TEXT    NOT NULL,
    alternatives      TEXT    NOT NULL, -- JSON array of codes
    inferred          TEXT    NOT NULL, -- JSON array of field names
    attempts          INTEGER NOT NULL,
    first_ts          INTEGER NOT NULL,
    evidence          TEXT    NOT NULL, -- JSON array of strings
    recorded_at       INTEGER NOT NULL, -- when it was written: retention counts from here, not from the log's stamp
    UNIQUE (client_id, identity, broker)
) STRICT;
CREATE INDEX client_age ON client (recorded_at, ts);
CREATE INDEX client_ts ON client (ts);

-- Rows that were deleted: attempts up to this time stay deleted when a log is read again.
CREATE TABLE deleted (
    client_id  TEXT    NOT NULL,
    identity   TEXT    NOT NULL,
    broker     TEXT    NOT NULL,
    ts         INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, identity, broker)
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_age ON deleted (deleted_at);

-- The same for all rows of a broker.
CREATE TABLE deleted_all (
    broker     TEXT    NOT NULL PRIMARY KEY,
    ts         INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each log was read, and the conversations that were open there; both as their owners wrote them.
CREATE TABLE position (
    source TEXT NOT NULL,
    log    TEXT NOT NULL,
    state  BLOB NOT NULL,
    PRIMARY KEY (source, log)
) STRICT, WITHOUT ROWID;
CREATE TABLE conversation (
    source TEXT NOT NULL,
    log    TEXT NOT NULL,
    state  BLOB NOT NULL,
    PRIMARY KEY (source, log)
) STRICT, WITHOUT ROWID;
