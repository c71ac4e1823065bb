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
