#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark: whatever goes wrong should stop it loudly"
)]
//! What a history takes in room and time: `cargo bench --bench history`, with `-- 20` for twenty sweeps only.
//!
//! A hundred sweeps of 10,000 hosts, each with names, a certificate and a challenge of its own at every look; one host in a
//! hundred is a finding, and in every sweep one in two hundred changes. The file's size after some of them, and the time of
//! the questions that are asked of it in the end.

use std::fs;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use rdprint::change::compare;
use rdprint::fingerprint::FingerprintSet;
use rdprint::observe::{Certificate, Hex, KeyPossession, Ntlm, Observation, Stage, Status, Tls, X224, X224Answer};
use rdprint::store::{Allowed, Conclusion, Store, Which};
use rdprint::verdict::Record;
use simulator::Certificate as Recipe;

const HOSTS: u32 = 10_000;
const SWEEPS: i64 = 100;
/// After how many the size is told.
const TOLD: [i64; 6] = [1, 2, 10, 20, 50, 100];
const WEEK: i64 = 604_800;
const MISSES: u32 = 2;
/// As many records as a second brings at the usual rate.
const BATCH: usize = 500;

fn main() {
    let folder = std::env::temp_dir().join(format!("rdprint-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("history.db");
    let set = FingerprintSet::embedded().expect("the embedded fingerprints");
    let mut store = Store::open(&path).expect("a new history");
    let certificate = Certificate::from_der(Recipe::windows("WIN-7K2QF0B3M1D").der());
    println!("sweeps     size in MB  bytes per look since  commits of a sweep in s  conclusion in s");
    let mut before = 0;
    let sweeps = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(SWEEPS);
    for sweep in 0..sweeps {
        let (mut commits, start) = (0.0, Timestamp::from_second(1_700_000_000 + sweep * WEEK).expect("a time"));
        let id = store.begin("{}", &Allowed::default(), set.hash(), start).expect("a sweep");
        let records: Vec<Record> =
            (0..HOSTS).map(|number| Record::judge(host(number, sweep, &certificate), &set)).collect();
        for batch in records.chunks(BATCH) {
            let clock = Instant::now();
            store.commit(id, batch, Some("{}")).expect("a batch");
            commits += clock.elapsed().as_secs_f64();
        }
        let clock = Instant::now();
        let comparison = compare(&store.entries(id, set.hash()).expect("entries"), MISSES);
        let conclusion = Conclusion {
            comparison: &comparison,
            silenced: &[],
            alerts: &[],
            news: None,
            announced: &[],
            misses: MISSES,
            coverage: "{}",
            ended: start,
        };
        store.conclude(id, &conclusion).expect("a conclusion");
        let conclusion = clock.elapsed().as_secs_f64();
        if TOLD.contains(&(sweep + 1)) {
            let now = size(&folder);
            let looks = u64::from(HOSTS) * if sweep == 0 { 1 } else { u64::try_from(sweep).expect("small") };
            let per_look = if sweep == 0 { now / looks } else { (now - before) / looks };
            before = if sweep == 0 { now } else { before };
            println!("{:>6} {:>14.1} {per_look:>21} {commits:>24.2} {conclusion:>16.2}", sweep + 1, mega(now));
        }
    }
    drop(store);
    questions(&path, sweeps);
    fs::remove_dir_all(&folder).expect("the folder goes");
}

fn questions(path: &Path, sweeps: i64) {
    let time = |what: &str, work: &mut dyn FnMut() -> usize| {
        let clock = Instant::now();
        let count = work();
        println!("{what}: {:.3} s ({count})", clock.elapsed().as_secs_f64());
    };
    let mut opened = None;
    time("opening, with the check of every page", &mut || {
        opened = Some(Store::open_existing(path).expect("the history"));
        1
    });
    let store = opened.expect("it was opened");
    let between =
        |first, second| compare(&store.entries_between(first, second, MISSES).expect("entries"), MISSES).changes.len();
    time("diff of the last two", &mut || between(sweeps - 1, sweeps));
    time("diff of the first and the last", &mut || between(1, sweeps));
    time("host", &mut || store.host([10, 0, 1, 44].into()).expect("looks").len());
    time("finding", &mut || store.finding("redvds").expect("looks").len());
    time("sweeps", &mut || store.sweeps().expect("sweeps").len());
    time("the last look at each endpoint", &mut || store.observations(Which::Latest).expect("looks").count());
    time("records of a sweep, as for its export", &mut || store.records(sweeps).expect("records").count());
    time("backup", &mut || {
        store.backup(&path.with_extension("copy")).expect("a copy");
        1
    });
}

/// Host `number` as sweep `sweep` sees it.
fn host(number: u32, sweep: i64, certificate: &Certificate) -> Observation {
    let at = Timestamp::from_second(1_700_000_000 + sweep * WEEK + i64::from(number) / 50).expect("a time");
    let mut seen = Observation::begin(std::net::Ipv4Addr::from(0x0A00_0000 + number).into(), 3389, at);
    // How often the host has changed by then.
    let age = u32::try_from(sweep).expect("small") + number % 200;
    let name =
        if number.is_multiple_of(100) { "WIN-BUNS25TD77J".to_owned() } else { format!("SRV-{number}-{}", age / 200) };
    (seen.status, seen.stage, seen.rtt_us) = (Status::Success, Stage::Credssp, Some(20_000 + u64::from(number % 999)));
    let answer = Some(X224Answer::NegotiationResponse);
    let raw = Some(Hex(vec![3, 0, 0, 19, 14, 208, 0, 0, 18, 52, 0, 2, 31, 8, 0, 8, 0, 0, 0]));
    seen.x224 = Some(X224 { answer, selected_protocol: Some("hybrid_ex".to_owned()), raw, ..X224::default() });
    let mut own = certificate.clone();
    own.sha256 = Some(Hex(number.to_be_bytes().repeat(8)));
    own.spki_sha256 = Some(Hex((number ^ 0xFFFF).to_be_bytes().repeat(8)));
    own.subject_cn = Some(name.clone());
    seen.tls = Some(Tls { certificates: vec![own], key_possession: KeyPossession::Proven, ..Tls::default() });
    let challenge = (u64::from(number) << 32 | sweep.unsigned_abs()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut message = vec![0; 24];
    message.extend_from_slice(&challenge.to_be_bytes());
    message.resize(200, 7);
    message[40..48].fill(0xFF);
    seen.ntlm = Some(Ntlm {
        netbios_computer_name: Some(name.clone()),
        dns_computer_name: Some(name),
        product_version: Some("10.0.20348".to_owned()),
        system_time: Some(at),
        clock_skew_ms: Some(i64::from(number % 7) - sweep % 5),
        raw: Some(Hex(message)),
        ..Ntlm::default()
    });
    seen
}

/// The history with its journal.
fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("the folder");
    files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "megabytes with one digit")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
