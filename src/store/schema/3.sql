-- Schema 3: what is still owed after a sweep's end, what sweeps were allowed, and which ends of rules were announced. Sweeps of earlier schemas owe nothing.

-- The news that were not told yet, as JSON; NULL where there were none, or once they were told.
ALTER TABLE sweep ADD COLUMN news TEXT;
-- Whether the files with what it saw are still to be written.
ALTER TABLE sweep ADD COLUMN owes_export INTEGER NOT NULL DEFAULT 0;

-- What sweeps were allowed to scan, and why. Sweeps of the same scope for the same reason share a row.
CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    -- SHA-256 of both.
    hash TEXT NOT NULL UNIQUE,
    -- A JSON array of addresses, prefixes and ranges as they were written.
    notation TEXT NOT NULL,
    authorisation TEXT
) STRICT;
-- NULL where an earlier rdprint began the sweep.
ALTER TABLE sweep ADD COLUMN scope INTEGER REFERENCES scope (id);

-- Looks tell whether the endpoint proved its key. Of those that are there, their facts do.
UPDATE observation SET shown = json_set(shown, '$.certificate.key_proven', json('true'))
    WHERE facts ->> '$.tls.key_possession' = 'proven' AND facts -> '$.tls.certificates[0]' IS NOT NULL
    AND shown -> '$.certificate' IS NOT NULL;

-- Marks of what was announced of rules of suppress.toml: that they are about to end, that they have ended.
CREATE TABLE announced (
    mark TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Clocks jump, so what came after what is never told by a clock. Every batch of a sweep's looks, every look for a case and
-- every event of a case takes the next turn; equal turns, which only rows of earlier schemas have, are told apart by time.
ALTER TABLE history ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE history SET turn = (SELECT coalesce(max(id), 0) FROM sweep);
-- NULL stands for the number of the sweep: rows of earlier schemas.
ALTER TABLE sighting ADD COLUMN turn INTEGER;
ALTER TABLE observation ADD COLUMN turn INTEGER;
-- Of the rest, the newest sweep that had begun by then is as much as can still be known.
ALTER TABLE recheck ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE recheck SET turn = (SELECT coalesce(max(id), 0) FROM sweep WHERE started <= recheck.seen_at);
ALTER TABLE case_event ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE case_event SET turn = (SELECT coalesce(max(id), 0) FROM sweep WHERE started <= case_event.at);
ALTER TABLE case_file ADD COLUMN first_turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE case_file ADD COLUMN last_turn INTEGER NOT NULL DEFAULT 0;
UPDATE case_file SET
    first_turn = (SELECT coalesce(max(id), 0) FROM sweep WHERE started <= case_file.first_seen),
    last_turn = (SELECT coalesce(max(id), 0) FROM sweep WHERE started <= case_file.last_seen);

-- When the looks of a sweep were taken away as too old, and how many there were: endpoints that it saw, and those it missed.
ALTER TABLE sweep ADD COLUMN pruned INTEGER;
ALTER TABLE sweep ADD COLUMN rdp INTEGER;
ALTER TABLE sweep ADD COLUMN missed INTEGER;
-- How often pruned sweeps missed an endpoint since the last of them that saw it, whose look is kept.
ALTER TABLE endpoint ADD COLUMN pruned_misses INTEGER NOT NULL DEFAULT 0;

-- Drawn by each run that begins a sweep or goes on with it. A run that is not the last one writes nothing any more.
ALTER TABLE sweep ADD COLUMN runner TEXT;
