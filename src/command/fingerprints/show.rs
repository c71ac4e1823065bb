//! `rdprint fingerprints show`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::{load, print, print_json};
use crate::command::{Exit, Failure};
use crate::fingerprint::{Example, Fingerprint};
use crate::observe::nearest;
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct ShowFlags {
    /// The fingerprint's id, as `list` shows it
    id: String,

    /// JSON instead of text
    #[arg(long)]
    json: bool,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    fingerprints: Vec<PathBuf>,
}

pub(super) fn run(flags: &ShowFlags) -> Result<Exit, Failure> {
    let set = load(&flags.fingerprints)?;
    let id = &flags.id;
    let Some(fingerprint) = set.get(id) else {
        let hint = nearest(id, set.iter().map(|known| known.id.as_str()))
            .map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        return Err(Failure::usage(format!(
            "no fingerprint has the id `{id}`{hint} (`rdprint fingerprints list` shows all)"
        )));
    };
    if flags.json { print_json(&as_json(fingerprint)) } else { print(&visible_lines(&as_text(fingerprint))) }
}

fn as_json(fingerprint: &Fingerprint) -> serde_json::Value {
    let Fingerprint { id, overrides, name, class, status, description, first_seen, last_seen, .. } = fingerprint;
    let conditions: Vec<_> =
        fingerprint.conditions().map(|(list, text)| json!({ "list": list, "text": text })).collect();
    json!({
        "id": id, "file": fingerprint.file, "overrides": overrides, "name": name, "class": class, "status": status,
        "description": description.trim(), "wording": fingerprint.fair_wording(), "first_seen": first_seen,
        "last_seen": last_seen, "false_positives": fingerprint.false_positives, "sources": fingerprint.sources,
        "conditions": conditions, "examples": examples(&fingerprint.examples),
        "counter_examples": examples(&fingerprint.counter_examples),
    })
}

fn examples(list: &[toml::Spanned<Example>]) -> Vec<&Example> {
    list.iter().map(toml::Spanned::get_ref).collect()
}

fn as_text(fingerprint: &Fingerprint) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _infallible = write_text(&mut text, fingerprint);
    text
}

fn write_text(out: &mut String, fingerprint: &Fingerprint) -> std::fmt::Result {
    let Fingerprint { id, name, class, status, description, .. } = fingerprint;
    writeln!(out, "{name} ({id}): {class}, {status}")?;
    writeln!(out, "  {}", description.trim())?;
    writeln!(out, "  File: {}", fingerprint.file)?;
    for (label, date) in [("First seen", &fingerprint.first_seen), ("Last seen", &fingerprint.last_seen)] {
        if let Some(date) = date {
            writeln!(out, "  {label}: {date}")?;
        }
    }
    writeln!(out, "\n  What it asks")?;
    for (list, condition) in fingerprint.conditions() {
        writeln!(out, "    {list}: {condition}")?;
    }
    writeln!(out, "\n  What may fairly be said\n    {}", fingerprint.fair_wording())?;
    writeln!(out, "\n  Who else shows the same")?;
    for caution in &fingerprint.false_positives {
        writeln!(out, "    {}", caution.trim())?;
    }
    writeln!(out, "\n  Who reported it")?;
    if fingerprint.sources.is_empty() {
        writeln!(out, "    nobody that the file names")?;
    }
    for source in &fingerprint.sources {
        writeln!(out, "    {}", source.citation())?;
    }
    writeln!(out, "\n  What proves it")?;
    for example in examples(&fingerprint.examples) {
        let confidence = example.confidence.map_or("", Into::into);
        writeln!(out, "    {confidence}: {}", example.why)?;
    }
    for example in examples(&fingerprint.counter_examples) {
        writeln!(out, "    no match: {}", example.why)?;
    }
    Ok(())
}

/// Foreign text made safe to look at, line by line.
fn visible_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(visible).collect();
    lines.join("\n") + "\n"
}
