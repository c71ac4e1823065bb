-- Schema 2: the cases of an abuse desk.

-- What a case is bound to is unique; if any of it is another, it is another case.
CREATE TABLE case_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint INTEGER NOT NULL REFERENCES endpoint (id),
    fingerprint_id TEXT NOT NULL,
    -- `name …` or `key …`.
    identity TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    class TEXT NOT NULL,
    confidence TEXT NOT NULL,
    opened INTEGER NOT NULL,
    -- The first and the last look that showed it.
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    UNIQUE (endpoint, fingerprint_id, identity, customer_id)
) STRICT;

-- Everything that happened to a case, the opening first; the last row is how it stands.
CREATE TABLE case_event (
    id INTEGER PRIMARY KEY,
    case_file INTEGER NOT NULL REFERENCES case_file (id),
    at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'notified', 'resolved', 'false-positive')),
    reason TEXT,
    CHECK (state <> 'false-positive' OR reason IS NOT NULL)
) STRICT;
CREATE INDEX case_event_of_case ON case_event (case_file);

-- Looks at single endpoints for the sake of their cases, whole, whatever came of them. They are kept for ever.
CREATE TABLE recheck (
    endpoint INTEGER NOT NULL REFERENCES endpoint (id),
    seen_at INTEGER NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (endpoint, seen_at)
) STRICT, WITHOUT ROWID;
