-- Goes up with each commit that changes rows while a copy of them is kept in memory, so that a reader knows which commits it sees.
CREATE TABLE revision (number INTEGER NOT NULL) STRICT;
INSERT INTO revision (number) VALUES (0);
