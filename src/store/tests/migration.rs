//! Histories of earlier schemas, full of rows, in the hands of today's program.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::super::open::SCHEMAS;
use super::cases::grouped;
use super::*;
use crate::change::Shown;

const CLONE: &str = "WIN-BUNS25TD77J";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What every table of a history can hold: sweeps of each state, changes, alerts delivered and owed, cases.
fn live(store: &mut Store, set: &FingerprintSet) {
    sweep(store, set, vec![host(1, CLONE, 1, 1000), host(2, "SRV-2", 2, 1000), host(3, CLONE, 3, 1001)]);
    store.keep_cases(&grouped(store, set), at(1100)).unwrap();
    store.keep_recheck(&host(1, CLONE, 1, 1200)).unwrap();
    store.begin("{}", &Allowed::default(), set.hash(), at(1500)).unwrap();
    let allowed = Allowed { scope: vec!["192.0.2.0/24".to_owned()], authorisation: None };
    let id = store.begin("{}", &allowed, set.hash(), at(2000)).unwrap();
    let records = [host(1, CLONE, 1, 2000), host(2, "SRV-2B", 2, 2001), silence(3, 2002)];
    store.commit(id, &records.map(|seen| Record::judge(seen, set)), Some("1")).unwrap();
    let comparison = compare(&store.entries(id, set.hash()).unwrap(), 2);
    assert_eq!(comparison.changes.len(), 1);
    let alert = |name: &str| (name.to_owned(), "webhook".to_owned(), "{}".to_owned());
    let conclusion = Conclusion {
        comparison: &comparison,
        silenced: &[Some("suppress.toml:1: ours (ops)".to_owned())],
        alerts: &[alert("a"), alert("b")],
        news: Some("{}"),
        announced: &["a".to_owned()],
        misses: 2,
        coverage: "{\"probed\":3}",
        ended: at(2100),
    };
    store.conclude(id, &conclusion).unwrap();
    let due = store.due(at(2100)).unwrap();
    store.tried(&due[0], at(2101), Ok(())).unwrap();
    let id = store.begin("{\"targets\":7}", &allowed, set.hash(), at(3000)).unwrap();
    store.commit(id, &[Record::judge(host(1, CLONE, 1, 3000), set)], Some("5")).unwrap();
}

/// The tables of a file, each with its columns.
fn tables(connection: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT m.name, group_concat(c.name, ', ') FROM sqlite_schema m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name ORDER BY m.name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

/// All rows of these columns, as texts.
fn rows(connection: &Connection, tables: &[(String, String)]) -> Vec<String> {
    let all = tables.iter().flat_map(|(table, columns)| {
        let quoted: Vec<String> = columns.split(", ").map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT '{table}: ' || {} FROM {table} ORDER BY 1", quoted.join(" || ' ' || "));
        let mut statement = connection.prepare(&sql).unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap()
    });
    all.collect()
}

/// The same history as a program of an earlier schema left it: the files of that time make the tables, and of each row
/// there is what fits into them.
fn as_of(schema: usize, today: &Path, path: &Path) -> (Vec<(String, String)>, Vec<String>) {
    let mut earlier = Store { connection: Connection::open(path).unwrap(), path: path.to_owned(), runner: None };
    earlier.connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    earlier.migrate(&SCHEMAS[..schema]).unwrap();
    let connection = &earlier.connection;
    connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
    connection.execute("ATTACH ?1 AS today", [today.to_str().unwrap()]).unwrap();
    let tables = tables(connection);
    for (table, columns) in &tables {
        connection
            .execute_batch(&format!(
                "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}"
            ))
            .unwrap();
    }
    let rows = rows(connection, &tables);
    let filled = |table: &str| rows.iter().any(|row| row.starts_with(&format!("{table}: ")));
    assert!(tables.iter().all(|(table, _)| filled(table)), "a table is empty: {rows:?}");
    (tables, rows)
}

/// A history with something in every table, closed.
fn full_of_life(folder: &Folder, set: &FingerprintSet) -> std::path::PathBuf {
    live(&mut folder.store(), set);
    folder.path("history.db")
}

#[test]
fn a_full_history_of_each_earlier_schema_loses_nothing_and_goes_on() {
    let (folder, set) = (Folder::new(), fingerprints());
    let today = full_of_life(&folder, &set);
    let mut expected = None;
    for schema in (1..=SCHEMAS.len()).rev() {
        let path = folder.path(&format!("schema-{schema}.db"));
        let (tables, before) = as_of(schema, &today, &path);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(rows(&store.connection, &tables), before, "schema {schema}");
        store.check().unwrap();
        assert_eq!(store.row::<i64>("SELECT count(*) FROM pragma_foreign_key_check", ()).unwrap(), 0);
        // Whoever began them told them; an earlier program would not have left anything owed.
        assert_eq!(
            (store.untold().unwrap().len(), store.unexported().unwrap()),
            if schema < 3 { (0, None) } else { (1, Some(3)) }
        );
        assert_eq!(store.due(at(9000)).unwrap().iter().map(|alert| &*alert.alert_id).collect::<Vec<_>>(), ["b"]);
        let running = store.running().unwrap().unwrap();
        assert_eq!((running.id, running.cursor.as_deref()), (4, Some("5")));
        assert_eq!(running.allowed.is_some(), schema >= 3);
        // The sweep that was running goes on, and from then on it is known what it is allowed.
        let allowed = Allowed { scope: vec!["192.0.2.0/24".to_owned()], authorisation: Some("ours".to_owned()) };
        store.go_on(4, &allowed, set.hash()).unwrap();
        let authorisation = store.sweep(4).unwrap().unwrap().allowed.unwrap().authorisation;
        assert_eq!(authorisation.is_some(), schema < 3, "what it was allowed from its begin stays");
        store
            .commit(4, &[silence(3, 3001), host(4, CLONE, 4, 3002)].map(|seen| Record::judge(seen, &set)), Some("9"))
            .unwrap();
        let ended = finish(&mut store, 4, &set);
        let next =
            sweep(&mut store, &set, vec![host(1, "SRV-1", 1, 4000), host(2, CLONE, 2, 4000), host(3, CLONE, 3, 4001)]);
        let known = store.cases().unwrap().len();
        assert_eq!(known, if schema < 2 { 0 } else { 2 });
        let told = (kinds(&ended.changes.into_iter().map(|(_, change)| change).collect::<Vec<_>>()), kinds(&next));
        assert_eq!(told.1.len(), 3, "{told:?}");
        assert_eq!(expected.get_or_insert_with(|| told.clone()), &told, "schema {schema}");
        assert_eq!(store.sweeps().unwrap().last().unwrap().id, 5, "numbers are never given twice");
    }
}

#[test]
fn what_earlier_looks_proved_is_told_from_their_facts() {
    let (folder, set) = (Folder::new(), fingerprints());
    let today = full_of_life(&folder, &set);
    let path = folder.path("schema-2.db");
    as_of(2, &today, &path);
    let earlier = Connection::open(&path).unwrap();
    earlier.execute("UPDATE observation SET shown = json_remove(shown, '$.certificate.key_proven')", ()).unwrap();
    let unproven = "UPDATE observation SET facts = json_set(facts, '$.tls.key_possession', 'not-tested') WHERE id = 1";
    earlier.execute(unproven, ()).unwrap();
    drop(earlier);
    let store = Store::open(&path).unwrap();
    let shown: Vec<(i64, Shown)> =
        store.rows("SELECT id, shown FROM observation", (), |row| Ok((row.get(0)?, json(row, 1)?.unwrap()))).unwrap();
    assert!(shown.len() > 1);
    for (id, shown) in shown {
        assert_eq!(shown.certificate.is_some_and(|certificate| certificate.key_proven), id != 1, "{id}");
    }
}

#[test]
fn a_migration_that_has_no_room_or_may_not_write_leaves_the_file_as_it_was() {
    let (folder, set) = (Folder::new(), fingerprints());
    let today = full_of_life(&folder, &set);
    for schema in 1..SCHEMAS.len() {
        let path = folder.path(&format!("schema-{schema}.db"));
        let (tables, before) = as_of(schema, &today, &path);
        let version = |store: &Store| -> i64 {
            store.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        // The file may not grow by a page, which is what a full disk comes to in the middle.
        let mut full = Store { connection: Connection::open(&path).unwrap(), path: path.clone(), runner: None };
        full.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA max_page_count = 1").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let error = full.migrate(SCHEMAS).unwrap_err();
        assert!(error.is_own_fault() && error.to_string().contains("full"), "{error}");
        assert_eq!((version(&full), rows(&full.connection, &tables)), (i64::try_from(schema).unwrap(), before.clone()));
        drop(full);
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut read_only = Store { connection, path: path.clone(), runner: None };
        let error = read_only.migrate(SCHEMAS).unwrap_err().to_string();
        assert!(error.contains("readonly") && error.contains(&path.display().to_string()), "{error}");
        assert_eq!(version(&read_only), i64::try_from(schema).unwrap());
        drop(read_only);
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it was changed");
        // With room, and allowed to, nothing of it is in the way.
        let store = Store::open(&path).unwrap();
        assert_eq!(version(&store), i64::try_from(SCHEMAS.len()).unwrap());
        assert_eq!(rows(&store.connection, &tables), before);
    }
}
