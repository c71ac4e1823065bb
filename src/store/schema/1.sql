-- The history, schema 1. Times are nanoseconds since 1970-01-01 UTC; addresses are their 4 or 16 octets.

-- One row, drawn when the file is made: alerts of two histories never share an identifier.
CREATE TABLE history (id TEXT NOT NULL) STRICT;

CREATE TABLE fingerprint_set (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE
) STRICT;

-- state: running (it can be gone on with), complete, abandoned (its targets changed, or it was left for too long).
CREATE TABLE sweep (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'abandoned')),
    started INTEGER NOT NULL,
    ended INTEGER,
    -- What must be the same for a run to go on with it, and how far it has come; both are the scanner's own JSON.
    identity TEXT NOT NULL,
    cursor TEXT,
    coverage TEXT,
    fingerprint_set INTEGER NOT NULL REFERENCES fingerprint_set (id),
    -- The complete sweep that this one was compared with, and after how many misses an endpoint was gone.
    previous INTEGER REFERENCES sweep (id),
    misses INTEGER
) STRICT;

-- Every endpoint that ever spoke RDP. first_seen and last_seen are never pruned. The columns from presence on say where the
-- last complete sweep left it.
CREATE TABLE endpoint (
    id INTEGER PRIMARY KEY,
    address BLOB NOT NULL,
    port INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    -- The observation that the last look equalled.
    current INTEGER REFERENCES observation (id),
    presence TEXT NOT NULL DEFAULT 'unknown' CHECK (presence IN ('unknown', 'present', 'gone', 'moved')),
    misses INTEGER NOT NULL DEFAULT 0,
    seen_in INTEGER REFERENCES sweep (id),
    standing INTEGER REFERENCES observation (id),
    judged_by INTEGER REFERENCES fingerprint_set (id),
    UNIQUE (address, port)
) STRICT;

-- Facts, whole: one row at first sight and at each change.
CREATE TABLE observation (
    id INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL REFERENCES endpoint (id),
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    seen_at INTEGER NOT NULL,
    -- SHA-256 over all that does not change at every look.
    likeness BLOB NOT NULL,
    facts TEXT NOT NULL,
    -- What is compared between sweeps. Where a dialogue broke off, that of the observation before it counts: `subject`.
    shown TEXT NOT NULL,
    subject INTEGER NOT NULL
) STRICT;
CREATE INDEX observation_of_endpoint ON observation (endpoint);

-- One look of one sweep: at what equals an observation, or at an endpoint that was probed and did not speak RDP, with the
-- status. `passing` is what else was different at this look; it is kept for findings only.
CREATE TABLE sighting (
    endpoint INTEGER NOT NULL REFERENCES endpoint (id),
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    seen_at INTEGER NOT NULL,
    observation INTEGER REFERENCES observation (id),
    status TEXT,
    rtt_us INTEGER,
    skew_ms INTEGER,
    passing TEXT,
    PRIMARY KEY (endpoint, sweep),
    CHECK ((observation IS NULL) <> (status IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_of_sweep ON sighting (sweep);

-- Verdicts: a function of an observation and a set of fingerprints, so they can be made again at any time.
CREATE TABLE verdict (
    observation INTEGER NOT NULL REFERENCES observation (id) ON DELETE CASCADE,
    fingerprint_set INTEGER NOT NULL REFERENCES fingerprint_set (id),
    traits TEXT NOT NULL,
    matches TEXT NOT NULL,
    -- In short, the match that counts.
    verdict TEXT,
    is_finding INTEGER NOT NULL,
    PRIMARY KEY (observation, fingerprint_set)
) STRICT, WITHOUT ROWID;

-- What changed in a sweep. `silenced` is the reason, where a rule of suppress.toml holds its finding back.
CREATE TABLE change (
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    endpoint INTEGER NOT NULL REFERENCES endpoint (id),
    kind TEXT NOT NULL,
    change TEXT NOT NULL,
    silenced TEXT,
    PRIMARY KEY (sweep, endpoint)
) STRICT, WITHOUT ROWID;

-- Alerts that are to be delivered at least once on each channel.
CREATE TABLE outbox (
    alert_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try INTEGER NOT NULL,
    delivered INTEGER,
    last_error TEXT,
    PRIMARY KEY (alert_id, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_waiting ON outbox (next_try) WHERE delivered IS NULL;
