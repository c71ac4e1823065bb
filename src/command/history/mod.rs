//! `rdprint history`: what the sweeps have left behind.

mod show;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use jiff::{SignedDuration, Timestamp};

use super::words::days_or_time;
use super::{Exit, Failure};
use crate::change::compare;
use crate::store::{State, Store, StoreError, Sweep};
use crate::sweep::lock::Lock;
use crate::visible::visible;

use show::Show;

#[derive(Debug, Args)]
pub(super) struct HistoryFlags {
    /// The file that sweeps remember in (`history` in sweep.toml)
    #[arg(long, value_name = "FILE", default_value = "history.db", value_hint = ValueHint::FilePath, global = true)]
    history: PathBuf,

    /// One JSON object a line
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// List the sweeps
    Sweeps,
    /// Tell what an address or endpoint has shown, and what changed there
    Host {
        /// The address, or one endpoint of it
        #[arg(value_name = "IP[:PORT]", value_parser = place)]
        place: Place,
    },
    /// Tell where a fingerprint was ever matched
    Finding {
        /// The fingerprint's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Compare two complete sweeps
    Diff {
        /// The number of the earlier one
        #[arg(value_name = "A")]
        first: i64,
        /// The number of the later one
        #[arg(value_name = "B")]
        second: i64,
        /// How many times in a row an endpoint is missed until it is gone [default: as the later sweep had it]
        #[arg(long)]
        misses: Option<NonZeroU32>,
    },
    /// Take away what is old; kept for ever are when each endpoint was first and last seen, and the evidence of findings
    Prune {
        /// How old, like 400d
        #[arg(long, value_name = "TIME", value_parser = days_or_time)]
        older_than: Duration,
    },
    /// Copy the history into a new file, even while a sweep goes on
    Backup {
        /// The file, which must not be there yet
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        to: PathBuf,
    },
}

/// An address, and a port if only one is meant.
type Place = (IpAddr, Option<u16>);

fn place(text: &str) -> Result<Place, String> {
    let endpoint = text.parse().map(|endpoint: SocketAddr| (endpoint.ip(), Some(endpoint.port())));
    let (address, port) = endpoint
        .or_else(|_| text.parse().map(|address| (address, None)))
        .map_err(|_| "write an address or an endpoint, like 192.0.2.7, 192.0.2.7:3389 or [2001:db8::7]:3389")?;
    Ok((address.to_canonical(), port))
}

pub(super) fn run(flags: &HistoryFlags) -> Result<Exit, Failure> {
    // Whoever takes away must not do it under a sweep that is compared with what goes.
    let _lock = match flags.question {
        Question::Prune { .. } if flags.history.exists() => {
            Some(Lock::take(&flags.history, "history prune").map_err(Failure::unlocked)?)
        }
        _ => None,
    };
    let open =
        if matches!(flags.question, Question::Prune { .. }) { Store::open_existing } else { Store::open_to_read };
    let mut store = open(&flags.history).map_err(Failure::usage)?;
    let mut show = Show::new(flags.json);
    let asked = answer(&flags.question, &mut store, &mut show)?;
    show.finish()?;
    Ok(asked)
}

fn answer(question: &Question, store: &mut Store, show: &mut Show) -> Result<Exit, Failure> {
    let failed = |error: StoreError| Failure::in_history(&error);
    match question {
        Question::Sweeps => {
            let sweeps = store.sweeps().map_err(failed)?;
            for sweep in &sweeps {
                show.sweep(sweep, store.outcome(sweep.id).map_err(failed)?);
            }
            if sweeps.is_empty() {
                show.nothing("no sweep was begun yet");
            }
        }
        Question::Host { place } => {
            let (address, port) = *place;
            let is_asked = |endpoint: SocketAddr| port.is_none_or(|port| endpoint.port() == port);
            let mut seen = store.seen(address).map_err(failed)?;
            seen.retain(|(endpoint, ..)| is_asked(*endpoint));
            if seen.is_empty() {
                let place = port.map_or_else(|| address.to_string(), |port| SocketAddr::new(address, port).to_string());
                show.nothing(&format!("no sweep has seen RDP at {place}"));
            }
            for (endpoint, first, last) in seen {
                show.endpoint(endpoint, first, last);
            }
            for look in store.host(address).map_err(failed)?.iter().filter(|look| is_asked(look.endpoint)) {
                show.look(look);
            }
            for past in store.changes_at(address).map_err(failed)?.iter().filter(|past| is_asked(past.change.endpoint))
            {
                show.past(past);
            }
        }
        Question::Finding { id } => {
            let looks = store.finding(id).map_err(failed)?;
            if looks.is_empty() {
                show.nothing(&format!("no sweep has matched `{id}`; `rdprint fingerprints list` lists what there is"));
            }
            for look in looks {
                show.look(&look);
            }
        }
        Question::Diff { first, second, misses } => {
            if first >= second {
                return Err(Failure::usage("the earlier sweep comes first; `rdprint history sweeps` lists them"));
            }
            check_complete(*first, store.sweep(*first).map_err(failed)?)?;
            let later = check_complete(*second, store.sweep(*second).map_err(failed)?)?;
            let misses = misses.map(NonZeroU32::get).or(later.misses).unwrap_or(1);
            let entries = store.entries_between(*first, *second, misses).map_err(failed)?;
            let changes = compare(&entries, misses).changes;
            if changes.is_empty() {
                show.nothing(&format!("nothing changed between sweep {first} and sweep {second}"));
            }
            for (_, change) in &changes {
                show.change(change);
            }
        }
        Question::Prune { older_than } => {
            let now = Timestamp::now();
            let age = SignedDuration::try_from(*older_than).unwrap_or(SignedDuration::MAX);
            let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
            let pruned = store.prune(before, now).map_err(|error| {
                if error.is_own_fault() {
                    Failure::own_fault(format!("{error}; nothing was taken away"))
                } else {
                    failed(error)
                }
            })?;
            if let Some(cause) = &pruned.not_shrunk {
                eprintln!(
                    "rdprint: what was old is taken away, but `{}` could not be made smaller: {}; the room in it is used \
                     again. To shrink it, make as much room as it takes in its folder and in that for temporary files, \
                     and prune once more",
                    store.path().display(),
                    visible(cause)
                );
            }
            show.pruned(before, &pruned);
        }
        Question::Backup { to } => store.backup(to).map_err(failed)?,
    }
    Ok(Exit::Done)
}

fn check_complete(id: i64, sweep: Option<Sweep>) -> Result<Sweep, Failure> {
    match sweep {
        Some(Sweep { pruned: Some(at), .. }) => Err(Failure::usage(format!(
            "the looks of sweep {id} were pruned, {at:.0}, so it can be compared with nothing any more; `rdprint history \
             sweeps` tells which can"
        ))),
        Some(sweep) if sweep.state == State::Complete => Ok(sweep),
        Some(Sweep { state, .. }) => Err(Failure::usage(format!(
            "sweep {id} is {state}, and only complete ones can be compared; `rdprint history sweeps` lists them"
        ))),
        None => Err(Failure::usage(format!("there is no sweep {id}; `rdprint history sweeps` lists them"))),
    }
}
