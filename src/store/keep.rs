//! Keeping a history small and safe: pruning and backup.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Store, StoreError, nanoseconds};

/// What pruning took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Looks of single sweeps.
    pub sightings: usize,
    /// States that no kept look refers to.
    pub observations: usize,
    /// Changes without a finding.
    pub changes: usize,
    /// Delivered alerts.
    pub alerts: usize,
}

/// Pages per step of a backup; between steps others may write.
const PAGES_PER_STEP: i32 = 1024;
/// How long a backup waits when another process is just writing.
const BACKUP_PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Takes away what is older than `before`. Kept for ever: of every endpoint when it was first and last seen and its
    /// last state; every state that was a finding, whole, with its first and last look; every sweep's coverage.
    pub fn prune(&mut self, before: Timestamp) -> Result<Pruned, StoreError> {
        let path = self.path.clone();
        let before = nanoseconds(before);
        let mut prune = || {
            let transaction = self.connection.transaction()?;
            let sightings = transaction.execute(
                "DELETE FROM sighting WHERE seen_at < ?1
                    AND sweep NOT IN (SELECT id FROM sweep WHERE state = 'running')
                    AND NOT (observation IS NOT NULL
                        AND EXISTS (SELECT 1 FROM verdict v WHERE v.observation = sighting.observation AND v.is_finding)
                        AND sweep IN ((SELECT min(s.sweep) FROM sighting s
                                WHERE s.endpoint = sighting.endpoint AND s.observation = sighting.observation),
                            (SELECT max(s.sweep) FROM sighting s
                                WHERE s.endpoint = sighting.endpoint AND s.observation = sighting.observation)))",
                [before],
            )?;
            let doomed = "SELECT id FROM observation o WHERE o.seen_at < ?1
                AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.observation = o.id AND v.is_finding)
                AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.endpoint = o.endpoint AND s.observation = o.id)
                AND NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.id = o.endpoint AND (e.current = o.id OR e.standing = o.id))
                AND NOT EXISTS (SELECT 1 FROM observation p WHERE p.endpoint = o.endpoint AND p.subject = o.id AND p.id <> o.id)";
            // A state that rests on an earlier one goes first; the earlier one may go in the next round.
            let mut observations = 0;
            loop {
                let gone = transaction.execute(&format!("DELETE FROM observation WHERE id IN ({doomed})"), [before])?;
                observations += gone;
                if gone == 0 {
                    break;
                }
            }
            let changes = transaction.execute(
                "DELETE FROM change WHERE sweep IN (SELECT id FROM sweep WHERE ended < ?1) AND kind <> 'moved'
                    AND coalesce(change ->> '$.after.verdict.class', change ->> '$.before.verdict.class', '')
                        NOT IN ('criminal-image', 'shared-range', 'unnamed-clone')",
                [before],
            )?;
            let alerts = transaction.execute("DELETE FROM outbox WHERE delivered < ?1", [before])?;
            transaction.commit()?;
            self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
            Ok(Pruned { sightings, observations, changes, alerts })
        };
        prune().map_err(|cause| StoreError::of(&path, cause))
    }

    /// Copies the history into a new file while others go on writing; what stands there in the end is one moment's state.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let wrong = |cause| StoreError::of(to, cause);
        let io = |cause| StoreError::Io { path: to.to_owned(), cause };
        // The name is taken first, so that two backups never write into one file.
        let claimed = File::create_new(to).map_err(io)?;
        drop(claimed);
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let copied = (|| {
            let mut copy = Connection::open(&partial).map_err(wrong)?;
            {
                let backup = Backup::new(&self.connection, &mut copy).map_err(wrong)?;
                loop {
                    match backup.step(PAGES_PER_STEP).map_err(wrong)? {
                        StepResult::Done => break,
                        StepResult::More => {}
                        _ => std::thread::sleep(BACKUP_PAUSE),
                    }
                }
            }
            // One file, whole in itself: no journal beside it that could be forgotten.
            copy.pragma_update(None, "journal_mode", "DELETE").map_err(wrong)?;
            copy.close().map_err(|(_, cause)| wrong(cause))?;
            File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
            fs::rename(&partial, to).map_err(io)
        })();
        if copied.is_err() {
            // The failure itself is what is told.
            let _best_effort = (fs::remove_file(&partial), fs::remove_file(to));
        }
        copied
    }
}
