//! `rdprint fingerprints list`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use comfy_table::{Table, presets};
use serde_json::json;

use super::{load, print, print_json};
use crate::command::{Exit, Failure};
use crate::fingerprint::Fingerprint;
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct ListFlags {
    /// One JSON array instead of a table
    #[arg(long)]
    json: bool,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    fingerprints: Vec<PathBuf>,
}

pub(super) fn run(flags: &ListFlags) -> Result<Exit, Failure> {
    let set = load(&flags.fingerprints)?;
    let mut fingerprints: Vec<&Fingerprint> = set.iter().collect();
    fingerprints.sort_by_key(|fingerprint| fingerprint.class);
    if flags.json {
        let rows = fingerprints.iter().map(|fingerprint| {
            let Fingerprint { id, class, status, name, file, overrides, first_seen, last_seen, .. } = fingerprint;
            json!({
                "id": id, "class": class, "status": status, "name": name, "file": file, "overrides": overrides,
                "first_seen": first_seen, "last_seen": last_seen, "sources": fingerprint.sources.len(),
            })
        });
        return print_json(&rows.collect());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "CLASS", "STATUS", "NAME", "SEEN", "SOURCES"]);
    for fingerprint in fingerprints {
        let Fingerprint { id, class, status, name, first_seen, last_seen, sources, .. } = fingerprint;
        let seen = match (first_seen, last_seen) {
            (None, None) => String::new(),
            (first, last) => {
                let text = |date: &Option<_>| date.as_ref().map_or_else(String::new, ToString::to_string);
                format!("{}–{}", text(first), text(last))
            }
        };
        let name = visible(name).into_owned();
        table.add_row([id.clone(), class.to_string(), status.to_string(), name, seen, sources.len().to_string()]);
    }
    print(&format!("{}\n", table.trim_fmt()))
}
