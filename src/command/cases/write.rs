//! `cases write`: letters and reports, but only those that are right.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan as _};

use super::super::words::days_or_time;
use super::super::{Exit, Failure, stdout};
use super::SiteFlags;
use super::files::{Readers, load_templates, make_private_folder, write_new, write_over};
use super::site::{Site, addresses};
use crate::cases::{Case, Customers, Owner, Sender, State, Templates, Told, folder_name, report};
use crate::sweep::settings::Settings;
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct WriteFlags {
    /// The folder for letters and reports, one folder for each customer in it
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,

    /// The cases; all open ones if none is named
    #[arg(value_name = "ID")]
    ids: Vec<i64>,

    /// Who writes: the name of your organisation
    #[arg(long, value_name = "NAME")]
    org: String,

    /// Your abuse desk's address for mail
    #[arg(long, value_name = "ADDRESS")]
    contact: String,

    /// By when you ask for an answer: a day (2026-12-06), or days from today (14d) [default: no day is named]
    #[arg(long, value_name = "DAY", value_parser = reply_by)]
    reply_by: Option<ReplyBy>,

    /// An address that you look from, for the receiver to find in logs; may be repeated [default: none is told]
    #[arg(long, value_name = "ADDRESS")]
    looked_from: Vec<IpAddr>,

    /// How old the last look may be, like 24h or 2d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = days_or_time)]
    max_age: Duration,

    /// Templates of your own, in the place of those shipped or in further languages
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    templates: Option<PathBuf>,

    /// Write over files that are there
    #[arg(long)]
    replace: bool,
}

/// A day by which an answer is asked for.
#[derive(Clone, Copy, Debug)]
enum ReplyBy {
    On(Date),
    In(Span),
}

/// The longest time for an answer, in days.
const LONGEST_WAIT: i64 = 366;

fn reply_by(text: &str) -> Result<ReplyBy, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    if let Some(days) = days.filter(|days| (1..=LONGEST_WAIT).contains(days)) {
        return Ok(ReplyBy::In(days.days()));
    }
    let is_day = text.len() == 10;
    let day = is_day.then(|| text.parse().ok()).flatten();
    day.map(ReplyBy::On).ok_or_else(|| format!("write a day like 2026-12-06, or 1d to {LONGEST_WAIT}d"))
}

impl ReplyBy {
    /// The day, for a letter that is written now. Days are those of UTC.
    fn day(self, now: Timestamp) -> Result<Date, Failure> {
        let today = now.to_zoned(TimeZone::UTC).date();
        match self {
            Self::On(day) if day <= today => Err(Failure::usage(format!(
                "--reply-by {day} is not to come; name a later day, or days from today like 14d"
            ))),
            Self::On(day) => Ok(day),
            Self::In(days) => today.checked_add(days).map_err(Failure::usage),
        }
    }
}

/// The three files of a case, ready to be written.
struct Written {
    case: i64,
    folder: PathBuf,
    files: [(String, String); 3],
}

pub(super) fn run(flags: &SiteFlags, write: &WriteFlags) -> Result<Exit, Failure> {
    let sender = Sender::new(&write.org, &write.contact).map_err(Failure::usage)?;
    let templates = load_templates(write.templates.as_deref())?;
    let mut site = Site::open(flags)?;
    let Some(customers) = site.customers()? else {
        return Err(Failure::usage(
            "nobody knows whose addresses these are; name a file of your customers with --customers, or in sweep.toml",
        ));
    };
    let now = Timestamp::now();
    let reply_by = write.reply_by.map(|reply_by| reply_by.day(now)).transpose()?;
    // Whom an image is shared with is counted over everything that is there, whoever's it is.
    let standing = site.open_cases(&customers)?;
    let addresses = addresses(&standing);
    let cases = if write.ids.is_empty() {
        let all = site.store.cases().map_err(|error| Failure::in_history(&error))?;
        all.into_iter().filter(|case| case.state == State::Open).collect()
    } else {
        site.cases(&write.ids)?
    };
    // Without a configuration nobody knows what the sweeps called themselves.
    let limits = site.settings.as_ref().map(Settings::limits).transpose().map_err(Failure::usage)?;
    let cookie = limits.as_ref().map(|limits| limits.cookie.as_str());
    let desk = Desk {
        site: &site,
        customers: &customers,
        templates: &templates,
        sender: &sender,
        write,
        now,
        reply_by,
        cookie,
    };
    let history = site.store.id().map_err(|error| Failure::in_history(&error))?;
    let (mut ready, mut held) = (Vec::new(), 0);
    for case in &cases {
        let counted = addresses.get(case.binding.fingerprint_id.as_str()).copied();
        match desk.prepare(case, counted, &history)? {
            Ok(written) => ready.push(written),
            Err(reason) => {
                eprintln!("rdprint: no letter on case {} ({}): {reason}", case.id, case.binding.endpoint);
                held += 1;
            }
        }
    }
    // Everything was understood and made before the first file is.
    for written in &ready {
        written.save(write.replace)?;
    }
    if ready.is_empty() && held == 0 {
        eprintln!("there is no open case");
    }
    Ok(if held > 0 { Exit::Skipped } else { Exit::Done })
}

/// Everything that a letter is made with.
struct Desk<'a> {
    site: &'a Site,
    customers: &'a Customers,
    templates: &'a Templates,
    sender: &'a Sender,
    write: &'a WriteFlags,
    now: Timestamp,
    reply_by: Option<Date>,
    cookie: Option<&'a str>,
}

impl Desk<'_> {
    /// The files of a case, or why there are none.
    fn prepare(&self, case: &Case, addresses: Option<u64>, history: &str) -> Result<Result<Written, String>, Failure> {
        let Self { site, customers, templates, sender, write, now, reply_by, cookie } = *self;
        let look = site.store.last_look(case.binding.endpoint).map_err(|error| Failure::in_history(&error))?;
        let max_age = SignedDuration::try_from(write.max_age).unwrap_or(SignedDuration::MAX);
        let rules = site.rules(customers, max_age, now);
        let ready = rules.ready(case, look.as_ref().map(|look| (look.at, look.observation.as_ref())));
        let (found, owner) = match ready {
            Ok(ready) => ready,
            Err(held) => return Ok(Err(held.to_string())),
        };
        let (Some(observation), Some(fingerprint)) =
            (look.as_ref().and_then(|look| look.observation.as_ref()), site.set.get(&found.fingerprint_id))
        else {
            return Ok(Err("its evidence is not there".to_owned()));
        };
        let Some(language) = templates.language(owner.language) else {
            return Ok(Err(unspoken(&owner, templates)));
        };
        let told = Told {
            case,
            owner,
            observation,
            found: &found,
            fingerprint,
            sender,
            addresses,
            now,
            reply_by,
            cookie,
            looked_from: &write.looked_from,
        };
        let letter = templates.letter(&told, language).map_err(Failure::usage)?;
        // Reports go from desk to desk, in English.
        let wording = templates.wording(&told, "en").map_err(Failure::usage)?;
        if let Some(address) = told.names_another(customers, &[&letter.text, &letter.html, &wording]) {
            let reason = "its own texts name another customer's address";
            return Ok(Err(format!("{reason}, {address}; write this letter by hand")));
        }
        let folder = write.folder.join(folder_name(owner.customer_id, customers));
        let id = case.id;
        let files = [
            (format!("case-{id}.txt"), letter.text),
            (format!("case-{id}.html"), letter.html),
            (format!("case-{id}.xarf.json"), report(&told, &wording, history)),
        ];
        // It may lead into another customer's.
        if folder.is_symlink() {
            return Ok(Err(format!("`{}` is a symbolic link; put a folder in its place", folder.display())));
        }
        let is_there = |name: &str| folder.join(name).symlink_metadata().is_ok();
        if let Some((name, _)) = files.iter().find(|(name, _)| !write.replace && is_there(name)) {
            return Ok(Err(format!(
                "`{}` is there already; once it is sent say `rdprint cases notify {id}`, or write anew with --replace",
                folder.join(name).display()
            )));
        }
        Ok(Ok(Written { case: id, folder, files }))
    }
}

/// Why nothing can be written to a customer in the language that the file names.
pub(super) fn unspoken(owner: &Owner<'_>, templates: &Templates) -> String {
    let known: Vec<&str> = templates.languages().collect();
    format!(
        "line {} of the customers file asks for letters in `{}`, and there are templates in {} only; write some \
         (docs/cases.md) or name another language",
        owner.line,
        visible(owner.language),
        known.join(", ")
    )
}

impl Written {
    fn save(&self, may_replace: bool) -> Result<(), Failure> {
        let Self { case, folder, files } = self;
        let wrong = |path: &Path, error: &std::io::Error| {
            Failure::own_fault(format!("`{}` cannot be written: {error}", path.display()))
        };
        make_private_folder(folder).map_err(|error| wrong(folder, &error))?;
        for (name, text) in files {
            let path = folder.join(name);
            let written = if may_replace {
                write_over(&path, text, Readers::Owner)
            } else {
                write_new(&path, text, Readers::Owner)
            };
            written.map_err(|error| wrong(&path, &error))?;
        }
        stdout::print(&format!("case {case}: {}\n", folder.join(&files[0].0).display()))
    }
}
