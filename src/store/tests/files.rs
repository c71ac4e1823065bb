use std::fs;

use rusqlite::Connection;

use super::super::open::SCHEMAS;
use super::*;

/// Opening must fail with this sentence and leave the file as it was.
#[track_caller]
fn refused(path: &std::path::Path, message: &str) {
    let before = fs::read(path).unwrap();
    let error = Store::open(path).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
    assert!(error.contains(&path.display().to_string()), "{error}");
    assert_eq!(fs::read(path).unwrap(), before, "it was changed");
}

#[test]
fn what_is_no_history_is_refused_and_left_alone() {
    let folder = Folder::new();
    let text = folder.path("notes.txt");
    fs::write(
        &text,
        "these are notes, and they are longer than the header of a database would be, namely more than 100",
    )
    .unwrap();
    refused(&text, "is no history of rdprint; name another file, it was left as it is");
    let other = folder.path("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE contacts (name TEXT)").unwrap();
    refused(&other, "is no history of rdprint");
    let missing = folder.path("missing.db");
    let error = Store::open_existing(&missing).unwrap_err().to_string();
    assert!(error.contains("does not exist; a sweep makes it") && !missing.exists(), "{error}");
}

#[test]
fn a_newer_schema_is_left_to_newer_programs() {
    let folder = Folder::new();
    drop(folder.store());
    let path = folder.path("history.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let known = SCHEMAS.len();
    refused(&path, &format!("has schema 99, and this rdprint knows schemas up to {known}; use the newer rdprint"));
}

#[test]
fn a_damaged_file_is_named_with_the_way_back() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    for round in 0..3 {
        sweep(&mut store, &set, (1..200).map(|last| host(last, &format!("H{round}-{last}"), last, 1000)).collect());
    }
    store.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(store);
    let path = folder.path("history.db");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("is damaged: ") && error.contains("rdprint history backup"), "{error}");
    assert_eq!(fs::read(&path).unwrap().len(), bytes.len());
    fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("is damaged: "), "{error}");
}

#[test]
fn every_earlier_schema_becomes_the_newest() {
    for schema in 1..=SCHEMAS.len() {
        let folder = Folder::new();
        let path = folder.path("history.db");
        let mut store = Store { connection: Connection::open(&path).unwrap(), path: path.clone(), runner: None };
        store.migrate(&SCHEMAS[..schema]).unwrap();
        let id = store.id().unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        let version: i64 = store.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, i64::try_from(SCHEMAS.len()).unwrap());
        assert_eq!(id, store.id().unwrap(), "it is still the same history");
    }
}

#[test]
fn a_migration_is_done_whole_or_not_at_all() {
    let folder = Folder::new();
    let mut store = folder.store();
    sweep(&mut store, &fingerprints(), vec![host(1, "A", 1, 1)]);
    let next = [SCHEMAS, &["ALTER TABLE sweep ADD COLUMN note TEXT; CREATE TABLE broken (;"]].concat();
    assert!(store.migrate(&next).is_err());
    assert_eq!(store.sweeps().unwrap().len(), 1, "schema 1 still stands");
    let next = [SCHEMAS, &["ALTER TABLE sweep ADD COLUMN note TEXT"]].concat();
    store.migrate(&next).unwrap();
    assert_eq!(store.row::<Option<String>>("SELECT note FROM sweep", ()).unwrap(), None);
    assert_eq!(store.sweeps().unwrap().len(), 1);
    let path = folder.path("history.db");
    drop(store);
    refused(&path, "use the newer rdprint");
}

#[test]
fn a_backup_is_one_moment_of_a_history_that_is_being_written() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    let hosts = |second| (1..250).map(|last| host(last, &format!("H{second}"), last, second)).collect();
    sweep(&mut store, &set, hosts(1));
    let (source, copy) = (folder.path("history.db"), folder.path("copy.db"));
    let backup = std::thread::spawn({
        let copy = copy.clone();
        move || Store::open_existing(&source).unwrap().backup(&copy)
    });
    for second in 2..12 {
        sweep(&mut store, &set, hosts(second));
    }
    backup.join().unwrap().unwrap();
    let copied = Store::open_existing(&copy).unwrap();
    copied.check().unwrap();
    let sweeps = copied.sweeps().unwrap();
    assert!((1..=12).contains(&sweeps.len()));
    for sweep in sweeps.iter().filter(|sweep| sweep.state == State::Complete) {
        assert_eq!(copied.outcome(sweep.id).unwrap().seen, 249);
    }
    let again = store.backup(&copy).unwrap_err().to_string();
    assert!(again.contains("copy.db` is there already; name a new file"), "{again}");
}

/// Somebody else writes for a moment. What reads before it writes must not give up at once for that.
#[test]
fn every_write_waits_for_another_writer() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "WIN-BUNS25TD77J", 1, 1)]);
    store.keep_cases(&super::cases::grouped(&store, &set), Timestamp::UNIX_EPOCH).unwrap();
    let id = store.begin("{}", &Allowed::default(), set.hash(), Timestamp::UNIX_EPOCH).unwrap();
    let beside = |store: &mut Store, write: &mut dyn FnMut(&mut Store)| {
        let other = Connection::open(store.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; UPDATE sweep SET cursor = 'other'").unwrap();
        let other = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(400));
            other.execute_batch("COMMIT").unwrap();
        });
        write(store);
        other.join().unwrap();
    };
    beside(&mut store, &mut |store| {
        store.commit(id, &[Record::judge(host(1, "B", 1, 2), &set)], Some("1")).unwrap();
    });
    beside(&mut store, &mut |store| store.rewind(id, None, None).unwrap());
    beside(&mut store, &mut |store| store.go_on(id, &Allowed::default(), set.hash()).unwrap());
    beside(&mut store, &mut |store| drop(finish(store, id, &set)));
    beside(&mut store, &mut |store| {
        let grouped = super::cases::grouped(store, &set);
        store.keep_cases(&grouped, Timestamp::UNIX_EPOCH).unwrap();
    });
    beside(&mut store, &mut |store| {
        store.keep_recheck(&host(1, "B", 1, 3)).unwrap();
    });
    beside(&mut store, &mut |store| drop(store.prune(Timestamp::from_second(9).unwrap(), Timestamp::now()).unwrap()));
    beside(&mut store, &mut |store| drop(store.begin("{}", &Allowed::default(), set.hash(), Timestamp::UNIX_EPOCH)));
    assert_eq!(store.sweeps().unwrap().len(), 3);
}

#[test]
fn an_empty_file_is_no_history_and_does_not_become_one() {
    let folder = Folder::new();
    let empty = "is there and is empty, so it is no history, or not any more; it was left as it is";
    let path = folder.path("emptied.db");
    fs::write(&path, "").unwrap();
    refused(&path, empty);
    assert!(Store::open_existing(&path).unwrap_err().to_string().contains(empty));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    // What an earlier rdprint left that was killed at its very first step.
    let begun = folder.path("begun.db");
    Connection::open(&begun).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    refused(&begun, empty);
    // A new one appears whole, whatever was left of an earlier try.
    let new = folder.path("new.db");
    fs::write(folder.path("new.db.new"), "the beginning of something").unwrap();
    drop(Store::open(&new).unwrap());
    assert!(!folder.path("new.db.new").exists());
    drop(Store::open_existing(&new).unwrap());
    #[cfg(unix)]
    {
        let link = folder.path("link.db");
        std::os::unix::fs::symlink("target.db", &link).unwrap();
        drop(Store::open(&link).unwrap());
        assert!(folder.path("target.db").exists());
    }
}

#[test]
fn a_backup_appears_whole_or_not_at_all() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "A", 1, 1)]);
    let copy = folder.path("copy.db");
    // What a backup left that was killed.
    fs::write(folder.path("copy.db.partial"), vec![7; 10_000]).unwrap();
    fs::write(folder.path("copy.db.partial-journal"), vec![7; 1000]).unwrap();
    store.backup(&copy).unwrap();
    assert_eq!(Store::open_existing(&copy).unwrap().sweeps().unwrap().len(), 1);
    let left = ["copy.db.partial", "copy.db.partial-journal"].map(|name| folder.path(name).exists());
    assert_eq!(left, [false, false]);
    assert!(matches!(store.backup(&copy), Err(StoreError::Taken(_))));
    // Killed when the copy had just got its name: the two are one file, and the next backup must leave it as it is.
    let moved = folder.path("moved.db");
    fs::hard_link(&copy, folder.path("copy.db.partial")).unwrap();
    fs::rename(&copy, &moved).unwrap();
    store.backup(&copy).unwrap();
    assert_eq!(Store::open_existing(&moved).unwrap().sweeps().unwrap().len(), 1);
    fs::remove_file(&copy).unwrap();
    // Another one that is just being written is left alone.
    #[cfg(unix)]
    {
        let other = fs::File::create(folder.path("other.db.partial")).unwrap();
        other.lock().unwrap();
        let error = store.backup(&folder.path("other.db")).unwrap_err();
        assert!(matches!(error, StoreError::Busy(_)), "{error}");
        assert!(folder.path("other.db.partial").exists() && !folder.path("other.db").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_history_under_two_names_is_refused() {
    let folder = Folder::new();
    drop(folder.store());
    let (path, other) = (folder.path("history.db"), folder.path("other.db"));
    fs::hard_link(&path, &other).unwrap();
    std::os::unix::fs::symlink("other.db", folder.path("link.db")).unwrap();
    for path in [&path, &other, &folder.path("link.db")] {
        let errors = [Store::open_existing(path), Store::open_to_read(path), Store::open(path)].map(Result::unwrap_err);
        for error in errors {
            assert!(matches!(error, StoreError::Names { names: 2, .. }) && !error.is_own_fault(), "{error}");
        }
    }
    fs::remove_file(&path).unwrap();
    Store::open_existing(&folder.path("link.db")).unwrap();
}

#[cfg(unix)]
#[test]
fn the_name_from_before_a_history_was_whole_is_no_second_one() {
    let folder = Folder::new();
    drop(folder.store());
    let path = folder.path("history.db");
    let (new, partial) = (folder.path("history.db.new"), folder.path("history.db.partial"));
    // Killed, or looked at, between the two steps in which it gets its name.
    for before in [&new, &partial] {
        fs::hard_link(&path, before).unwrap();
        Store::open_to_read(&path).unwrap();
        assert!(before.exists(), "a question takes nothing away");
        Store::open(&path).unwrap();
        assert!(!before.exists());
    }
    // Another file's is left to it, and does not hide a second name.
    fs::write(&new, "").unwrap();
    std::os::unix::fs::symlink("history.db", &partial).unwrap();
    Store::open(&path).unwrap();
    assert!(new.exists() && partial.exists());
    fs::hard_link(&path, folder.path("other.db")).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Names { names: 2, .. })));
}

#[test]
fn a_history_is_read_where_nothing_may_be_written() {
    let (folder, set) = (Folder::new(), fingerprints());
    let mut store = folder.store();
    sweep(&mut store, &set, vec![host(1, "A", 1, 1)]);
    let cause = || rusqlite::Error::InvalidQuery;
    let path = folder.path("history.db");
    let error = Store::open_unwritable(&path, &cause()).unwrap_err();
    assert!(error.to_string().contains("cannot be read where nothing may be written"), "its last writes lie elsewhere");
    drop(store);
    let names = || fs::read_dir(path.parent().unwrap()).unwrap().count();
    let before = (fs::read(&path).unwrap(), names());
    let odd = folder.path("what? 100%23 #1.db");
    let read_only = Store::open_unwritable(&path, &cause()).unwrap();
    assert_eq!(read_only.sweeps().unwrap().len(), 1);
    assert_eq!(read_only.host([127, 0, 0, 1].into()).unwrap().len(), 1);
    assert_eq!(read_only.entries_between(1, 1, 1).unwrap().len(), 1);
    assert_eq!((fs::read(&path).unwrap(), names()), before, "nothing was written");
    fs::copy(&path, &odd).unwrap();
    assert_eq!(Store::open_unwritable(&odd, &cause()).unwrap().sweeps().unwrap().len(), 1);
    let old = folder.path("old.db");
    let mut earlier = Store { connection: Connection::open(&old).unwrap(), path: old.clone(), runner: None };
    earlier.migrate(&SCHEMAS[..1]).unwrap();
    drop(earlier);
    let error = Store::open_unwritable(&old, &cause()).unwrap_err().to_string();
    assert!(error.contains("it has the earlier schema 1; copy it"), "{error}");
}
