//! `rdprint cases`: who is to be told what, and whether they were.

mod files;
mod list;
mod recheck;
mod site;
mod write;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use super::words::word;
use super::{Exit, Failure, stdout};
use crate::cases::State;
use crate::visible::visible;

use recheck::RecheckFlags;
use site::Site;
use write::WriteFlags;

#[derive(Debug, Args)]
pub(super) struct CasesFlags {
    #[command(flatten)]
    site: SiteFlags,

    #[command(subcommand)]
    action: Action,
}

/// Where everything lies; may stand before or after the action.
#[derive(Debug, Args)]
pub(super) struct SiteFlags {
    /// Whose addresses there are: a CSV file with the columns `prefix`, `customer_id`, `contact`, `language`, `notes` and, if need
    /// be, `valid_from` and `valid_to` [default: that of --config]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    customers: Option<PathBuf>,

    /// The settings of the site's sweeps: history, fingerprints, suppress, customers, scope, excludes and limits are
    /// taken from them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    config: Option<PathBuf>,

    /// The file that sweeps remember in [default: that of --config, or history.db]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    history: Option<PathBuf>,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, global = true)]
    fingerprints: Vec<PathBuf>,

    /// What is not to be told, for a stated reason (suppress.toml)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    suppress: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Open cases for new findings (if customers are known), and list those that are not settled
    List {
        /// List the cases that stand so; may be repeated [default: open and notified]
        #[arg(long, value_name = "STATE", value_parser = word::<State>())]
        state: Vec<State>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// The templates that letters will be written with, so that only customers without any are named
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        templates: Option<PathBuf>,
    },
    /// Tell everything about cases: what they are bound to, what happened to them, the last look
    Show {
        /// Their numbers
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Write letters (text, HTML) and XARF reports on open cases whose endpoints were looked at again and still match
    Write(WriteFlags),
    /// Probe the endpoints of cases again, one after the other, and keep what they show; not while a sweep goes on (exit
    /// code 5)
    Recheck(RecheckFlags),
    /// Note that the customer was told
    Notify(Settling),
    /// Note that a case is settled; if the same is seen there again, it is open again
    Resolve(Settling),
    /// Note that a case was a mistake; it stays one while endpoint, fingerprint, name and customer stay
    FalsePositive {
        /// Their numbers
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
        /// Why, for whoever comes after you
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Open cases again
    Reopen(Settling),
    /// List the templates of letters, or copy them out to be edited
    Templates {
        /// Copy the shipped templates into this folder; none that is there is overwritten
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        write: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Settling {
    /// Their numbers
    #[arg(value_name = "ID", required = true)]
    ids: Vec<i64>,
    /// Why, for whoever comes after you
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) fn run(flags: &CasesFlags) -> Result<Exit, Failure> {
    let site = &flags.site;
    match &flags.action {
        Action::List { state, json, templates } => list::list(site, state, *json, templates.as_deref()),
        Action::Show { ids } => list::show(site, ids),
        Action::Write(write) => write::run(site, write),
        Action::Recheck(recheck) => recheck::run(site, recheck),
        Action::Notify(Settling { ids, reason }) => settle(site, ids, State::Notified, reason.as_deref()),
        Action::Resolve(Settling { ids, reason }) => settle(site, ids, State::Resolved, reason.as_deref()),
        Action::FalsePositive { ids, reason } => settle(site, ids, State::FalsePositive, Some(reason)),
        Action::Reopen(Settling { ids, reason }) => settle(site, ids, State::Open, reason.as_deref()),
        Action::Templates { write } => files::templates(write.as_deref()),
    }
}

/// Says how cases stand from now on; all of them or, if one cannot, none.
fn settle(flags: &SiteFlags, ids: &[i64], state: State, reason: Option<&str>) -> Result<Exit, Failure> {
    if reason.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage("the reason is empty; say it for whoever comes after you"));
    }
    let mut site = Site::open(flags)?;
    for case in site.cases(ids)? {
        let may = match state {
            State::Notified => case.state == State::Open,
            State::Resolved => matches!(case.state, State::Open | State::Notified),
            State::FalsePositive | State::Open => case.state != state,
        };
        if !may {
            return Err(Failure::usage(format!("case {} is {} and cannot become {state}", case.id, case.state)));
        }
    }
    site.store.settle(ids, state, reason, Timestamp::now()).map_err(|error| Failure::in_history(&error))?;
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", visible(reason)));
    let lines: Vec<String> = ids.iter().map(|id| format!("case {id} is {state}{reason}\n")).collect();
    stdout::print(&lines.concat()).map(|()| Exit::Done)
}
