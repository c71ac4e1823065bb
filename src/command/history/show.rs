//! How answers are shown: lines for people, or JSON Lines.

use std::io::{self, BufWriter, Stdout, Write};
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Failure, stdout};
use crate::change::Change;
use crate::scan::Coverage;
use crate::store::{Outcome, PastChange, PastLook, Pruned, State, Sweep};
use crate::sweep::news::write_change;
use crate::visible::{self, visible};

/// Writes answers to standard output.
pub(super) struct Show {
    is_json: bool,
    out: BufWriter<Stdout>,
    written: io::Result<()>,
}

impl Show {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, out: BufWriter::new(io::stdout()), written: Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        stdout::judge(self.written.and_then(|()| self.out.flush()))
    }

    fn line(&mut self, text: impl FnOnce() -> String, object: impl FnOnce() -> Value) {
        if self.written.is_ok() {
            self.written = if self.is_json {
                visible::json(&object()).map_err(io::Error::from).and_then(|line| writeln!(self.out, "{line}"))
            } else {
                writeln!(self.out, "{}", text().trim_end_matches('\n'))
            };
        }
    }

    /// A sentence for people; programs see that there is no line.
    pub(super) fn nothing(&mut self, sentence: &str) {
        if !self.is_json {
            eprintln!("rdprint: {}", visible(sentence));
        }
    }

    pub(super) fn sweep(&mut self, sweep: &Sweep, outcome: Outcome) {
        let Sweep { id, state, started, ended, previous, fingerprint_set, coverage, allowed, pruned, .. } = sweep;
        let (scope, authorisation) =
            allowed.as_ref().map(|allowed| (&allowed.scope, allowed.authorisation.as_ref())).unzip();
        let authorisation = authorisation.flatten();
        let coverage: Option<Coverage> = coverage.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let Outcome { seen, missed } = outcome;
        let text = || {
            let ended = ended.map_or_else(|| "not ended".to_owned(), |ended| format!("{ended:.0}"));
            let probed = coverage.as_ref().map_or_else(String::new, |coverage| format!(", probed {}", coverage.probed));
            let authorised =
                authorisation.map_or_else(String::new, |reason| format!(", authorised: {}", visible(reason)));
            // Whether a process is at it is for the lock to say; that it can be gone on with is what is known here.
            let state = if *state == State::Running { "unfinished" } else { state.into() };
            let pruned = if pruned.is_some() { ", looks pruned" } else { "" };
            format!(
                "{id:>5}  {state:<10}  {started:.0} to {ended}{probed}, RDP {seen}, missed {missed}{pruned}{authorised}"
            )
        };
        let json = || {
            json!({
                "sweep": id, "state": state.to_string(), "started": started, "ended": ended, "previous": previous,
                "fingerprint_set": fingerprint_set, "rdp": seen, "missed": missed, "scope": scope,
                "authorisation": authorisation, "coverage": coverage, "pruned": pruned,
            })
        };
        self.line(text, json);
    }

    pub(super) fn endpoint(&mut self, endpoint: SocketAddr, first: Timestamp, last: Timestamp) {
        let text = || format!("{endpoint}  first seen {first:.0}, last seen {last:.0}");
        self.line(
            text,
            || json!({ "record": "endpoint", "endpoint": endpoint, "first_seen": first, "last_seen": last }),
        );
    }

    pub(super) fn look(&mut self, look: &PastLook) {
        let PastLook { endpoint, first_seen, last_seen, sweeps, shown, verdict, presence, observation } = look;
        let text = || {
            let name = shown.name.as_deref().unwrap_or("without a name");
            let build = shown.build.map_or_else(String::new, |build| format!(" build {build}"));
            let hash = shown
                .certificate
                .as_ref()
                .map_or_else(String::new, |certificate| format!(" certificate {:.16}…", certificate.sha256));
            let verdict = verdict.as_ref().map_or_else(String::new, |verdict| {
                format!(" [{} {}, {}]", verdict.class, visible(&verdict.fingerprint_id), verdict.confidence)
            });
            format!(
                "  {endpoint}  {first_seen:.0} to {last_seen:.0}, {sweeps} looks: {}{build}{hash}{verdict} ({presence})",
                visible(name)
            )
        };
        let json = || {
            json!({
                "record": "state", "endpoint": endpoint, "observation": observation, "first_seen": first_seen, "last_seen": last_seen,
                "looks": sweeps, "shown": shown, "verdict": verdict, "presence": presence,
            })
        };
        self.line(text, json);
    }

    pub(super) fn past(&mut self, past: &PastChange) {
        let PastChange { sweep, change, silenced } = past;
        let text = || {
            let held =
                silenced.as_ref().map_or_else(String::new, |reason| format!(" (held back: {})", visible(reason)));
            format!("  sweep {sweep}:{}{held}", told(change))
        };
        self.line(text, || json!({ "record": "change", "sweep": sweep, "change": change, "silenced": silenced }));
    }

    pub(super) fn change(&mut self, change: &Change) {
        self.line(|| told(change), || json!(change));
    }

    pub(super) fn pruned(&mut self, before: Timestamp, pruned: &Pruned) {
        let Pruned { sightings, observations, changes, alerts, not_shrunk } = pruned;
        let text = || {
            format!(
                "taken away, from before {before:.0}: {sightings} looks, {observations} states, {changes} changes, {alerts} \
                 delivered alerts"
            )
        };
        let json = || {
            json!({
                "before": before, "sightings": sightings, "observations": observations, "changes": changes,
                "alerts": alerts, "not_shrunk": not_shrunk,
            })
        };
        self.line(text, json);
    }
}

fn told(change: &Change) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _infallible = write_change(&mut text, change);
    text.trim_end_matches('\n').to_owned()
}
