//! The history against files on disk.

mod cases;
mod files;
mod growth;
mod looks;
mod migration;
mod sweeps;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;

use super::*;
use crate::change::{Change, Comparison, compare};
use crate::fingerprint::FingerprintSet;
use crate::observe::{Certificate, Hex, KeyPossession, Ntlm, Observation, Stage, Status, Tls, X224, X224Answer};
use crate::verdict::Record;

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rdprint-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn store(&self) -> Store {
        Store::open(&self.path("history.db")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// What a host of this name and key shows at this time.
fn host(last: u8, name: &str, key: u8, second: i64) -> Observation {
    let at = Timestamp::from_second(second).unwrap();
    let mut seen = Observation::begin([127, 0, 0, last].into(), 3389, at);
    (seen.status, seen.stage, seen.rtt_us) = (Status::Success, Stage::Credssp, Some(u64::from(last) + 100));
    let answer = Some(X224Answer::NegotiationResponse);
    seen.x224 = Some(X224 { answer, selected_protocol: Some("hybrid".to_owned()), ..X224::default() });
    let certificate = Certificate {
        sha256: Some(Hex(vec![key; 32])),
        spki_sha256: Some(Hex(vec![key; 32])),
        subject_cn: Some(name.to_owned()),
        ..Certificate::default()
    };
    let key_possession = KeyPossession::Proven;
    seen.tls = Some(Tls { key_possession, certificates: vec![certificate], ..Tls::default() });
    seen.ntlm = Some(Ntlm {
        netbios_computer_name: Some(name.to_owned()),
        product_version: Some("10.0.20348".to_owned()),
        system_time: Some(at),
        clock_skew_ms: Some(second % 100),
        raw: Some(Hex(vec![u8::try_from(second % 256).unwrap(); 32])),
        ..Ntlm::default()
    });
    // Bytes that are all challenge would be a different message each time; the real one is masked exactly.
    seen.ntlm.as_mut().unwrap().raw.as_mut().unwrap().0[..24].fill(0);
    seen
}

/// A host that accepted and then broke off: it spoke RDP, and shows no name.
fn cut_off(last: u8, second: i64) -> Observation {
    let mut seen = host(last, "", 0, second);
    (seen.status, seen.stage, seen.tls, seen.ntlm) = (Status::IoTimeout, Stage::Tls, None, None);
    seen
}

/// An endpoint where nobody answers.
fn silence(last: u8, second: i64) -> Observation {
    let mut seen = Observation::begin([127, 0, 0, last].into(), 3389, Timestamp::from_second(second).unwrap());
    seen.status = Status::ConnectionTimeout;
    seen
}

fn fingerprints() -> FingerprintSet {
    FingerprintSet::embedded().unwrap()
}

/// A whole sweep of these observations, concluded.
fn sweep(store: &mut Store, set: &FingerprintSet, seen: Vec<Observation>) -> Vec<Change> {
    let start = seen.first().map_or(Timestamp::UNIX_EPOCH, |seen| seen.seen_at);
    store.judge(set).unwrap();
    let id = store.begin("{}", &Allowed::default(), set.hash(), start).unwrap();
    let records: Vec<Record> = seen.into_iter().map(|seen| Record::judge(seen, set)).collect();
    store.commit(id, &records, Some("1")).unwrap();
    finish(store, id, set).changes.into_iter().map(|(_, change)| change).collect()
}

fn finish(store: &mut Store, id: i64, set: &FingerprintSet) -> Comparison {
    let comparison = compare(&store.entries(id, set.hash()).unwrap(), 2);
    let ended = store.sweep(id).unwrap().unwrap().started;
    let silenced = vec![None; comparison.changes.len()];
    let conclusion = Conclusion {
        comparison: &comparison,
        silenced: &silenced,
        alerts: &[],
        news: None,
        announced: &[],
        misses: 2,
        coverage: "{}",
        ended,
    };
    store.conclude(id, &conclusion).unwrap();
    comparison
}

fn kinds(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{} {}", change.endpoint.ip(), change.kind)).collect()
}
