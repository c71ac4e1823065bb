-- Schema 3: what is still owed after a sweep's end. Sweeps of earlier schemas owe nothing.

-- The news that were not told yet, as JSON; NULL where there were none, or once they were told.
ALTER TABLE sweep ADD COLUMN news TEXT;
-- Whether the files with what it saw are still to be written.
ALTER TABLE sweep ADD COLUMN owes_export INTEGER NOT NULL DEFAULT 0;
