//! `cases write`: letters and reports, but only those that are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::{SignedDuration, Timestamp};

use super::super::words::days_or_time;
use super::super::{Exit, Failure, stdout};
use super::SiteFlags;
use super::files::{load_templates, write_new, write_over};
use super::site::{Site, addresses, trouble};
use crate::cases::{Case, Customers, Rules, Sender, State, Templates, Told, folder_name, report};
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
    // Whom an image is shared with is counted over everything that is there, whoever's it is.
    let standing = site.open_cases(&customers)?;
    let addresses = addresses(&standing);
    let cases = if write.ids.is_empty() {
        let all = site.store.cases().map_err(|error| trouble(&error))?;
        all.into_iter().filter(|case| case.state == State::Open).collect()
    } else {
        site.cases(&write.ids)?
    };
    let desk = Desk { site: &site, customers: &customers, templates: &templates, sender: &sender, write, now };
    let history = site.store.id().map_err(|error| trouble(&error))?;
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
}

impl Desk<'_> {
    /// The files of a case, or why there are none.
    fn prepare(&self, case: &Case, addresses: Option<u64>, history: &str) -> Result<Result<Written, String>, Failure> {
        let Self { site, customers, templates, sender, write, now } = *self;
        let look = site.store.last_look(case.binding.endpoint).map_err(|error| trouble(&error))?;
        let rules = Rules {
            set: &site.set,
            customers,
            silenced: |binding: &_, shown: &_, found: &_| site.silenced(binding, shown, found, now),
            max_age: SignedDuration::try_from(write.max_age).unwrap_or(SignedDuration::MAX),
            now,
        };
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
            let known: Vec<&str> = templates.languages().collect();
            return Err(Failure::usage(format!(
                "line {} of the customers file asks for letters in `{}`, and there are templates in {} only; write some \
                 (docs/cases.md) or name another language; nothing was written",
                owner.line,
                visible(owner.language),
                known.join(", ")
            )));
        };
        let told = Told { case, owner, observation, found: &found, fingerprint, sender, addresses, now };
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

impl Written {
    fn save(&self, may_replace: bool) -> Result<(), Failure> {
        let Self { case, folder, files } = self;
        let wrong = |path: &Path, error: &std::io::Error| {
            Failure::own_fault(format!("`{}` cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
        for (name, text) in files {
            let path = folder.join(name);
            let written = if may_replace { write_over(&path, text) } else { write_new(&path, text) };
            written.map_err(|error| wrong(&path, &error))?;
        }
        stdout::print(&format!("case {case}: {}\n", folder.join(&files[0].0).display()))
    }
}
