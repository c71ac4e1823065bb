//! Families as a table, CSV or JSON Lines.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{Table, presets};

use super::csv::row;
use super::table::cell;
use super::{CSV_CELLS, CellText, Format};
use crate::families::{Family, LinkKind, scientific};
use crate::observe::neutralise;
use crate::visible::{json, visible};

/// One column of the CSV: its name, what stands in it, and how to get it.
pub struct FamilyColumn {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub doc: &'static str,
    /// Whether hosts choose its text.
    is_foreign: bool,
    get: fn(&Family) -> String,
}

/// Joins several values in one cell.
const SEPARATOR: &str = ";";

const fn column(name: &'static str, doc: &'static str, get: fn(&Family) -> String) -> FamilyColumn {
    FamilyColumn { name, doc, is_foreign: false, get }
}

const fn foreign(name: &'static str, doc: &'static str, get: fn(&Family) -> String) -> FamilyColumn {
    FamilyColumn { name, doc, is_foreign: true, get }
}

/// The columns of the CSV, in their order.
pub static FAMILY_COLUMNS: &[FamilyColumn] = &[
    column("id", "what names the family in every run", |family| family.id.clone()),
    column("verdict", "`clones`, `undecided`, `relay-or-nat` or `same-machine`", |family| family.verdict.to_string()),
    column("significant", "whether it is beyond doubt that there are copies", |family| family.significant.to_string()),
    column("own_image", "whether it was declared with --own-images", |family| family.own_image.to_string()),
    column("known_as", "fingerprints that know it", |family| {
        joined(family.known_as.iter().map(|known| known.fingerprint_id.clone()))
    }),
    column("machines_at_least", "machines told apart in one window, at most", |family| {
        family.machines_at_least.to_string()
    }),
    column("endpoints", "addresses with ports", |family| family.endpoints.to_string()),
    column("addresses", "addresses", |family| family.addresses.to_string()),
    column("networks", "/24 of IPv4, /48 of IPv6", |family| family.networks.to_string()),
    column("prefixes", "the fullest networks with their addresses", |family| {
        joined(family.prefixes.iter().map(|one| format!("{}={}", one.prefix, one.addresses)))
    }),
    foreign("names", "names with their endpoints", |family| {
        joined(family.names.iter().map(|one| format!("{}={}", one.name, one.endpoints)))
    }),
    foreign("builds", "NTLM versions with their endpoints", |family| {
        joined(family.builds.iter().map(|one| format!("{}={}", one.version, one.endpoints)))
    }),
    column("links", "what links it: names, and certificates by their hash", |family| {
        joined(family.links.iter().map(|link| format!("{}:{}", link.kind, link.value)))
    }),
    column(
        "expected_by_chance",
        "`E(k)` of its least likely name, unless its certificate alone makes it significant",
        expected,
    ),
    column("shared_certificates", "certificates that several endpoints show", |family| {
        (u64::try_from(family.certificates.shared.len()).unwrap_or(u64::MAX) + family.certificates.shared_omitted)
            .to_string()
    }),
    column("shared_made", "when the most frequent of these was made", |family| {
        family.certificates.shared.first().and_then(|one| one.made).map_or_else(String::new, |at| at.to_string())
    }),
    column("shared_ends", "when that one ends", |family| {
        family.certificates.shared.first().and_then(|one| one.ends).map_or_else(String::new, |at| at.to_string())
    }),
    column("own_certificates", "certificates that one endpoint only shows", |family| {
        family.certificates.own.to_string()
    }),
    column("own_made_first", "when the first of these was made", |family| {
        family.certificates.own_made_first.map_or_else(String::new, |at| at.to_string())
    }),
    column("own_made_last", "when the last of these was made", |family| {
        family.certificates.own_made_last.map_or_else(String::new, |at| at.to_string())
    }),
    column("first_seen", "the first look with a time", |family| {
        family.first_seen.map_or_else(String::new, |at| at.to_string())
    }),
    column("last_seen", "the last one", |family| family.last_seen.map_or_else(String::new, |at| at.to_string())),
    column("reasons", "what the verdict rests on", |family| joined(family.reasons.iter().map(ToString::to_string))),
    column("why", "the reasons in words", |family| family.why.clone()),
    column("wording", "what may fairly be said", |family| family.wording.clone().unwrap_or_default()),
];

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(SEPARATOR)
}

fn expected(family: &Family) -> String {
    // Beside a certificate that makes a family significant, the chance of a name that does not would only mislead.
    let links = family.links.iter().filter(|link| link.significant || !family.significant);
    let chances = links.filter_map(|link| link.chance.as_ref()).map(|chance| chance.log10_expected);
    chances.min_by(f64::total_cmp).map_or_else(String::new, scientific)
}

/// Writes all families; foreign text is made harmless for whoever reads the format.
pub fn write_families(format: Format, families: &[Family], cells: CellText, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Jsonl => write_jsonl(families, out)?,
        Format::Csv => write_csv(families, cells, out)?,
        Format::Table => write_tables(families, out)?,
    }
    out.flush()
}

fn write_jsonl(families: &[Family], out: &mut dyn Write) -> io::Result<()> {
    for family in families {
        writeln!(out, "{}", json(family)?)?;
    }
    Ok(())
}

fn write_csv(families: &[Family], cells: CellText, out: &mut dyn Write) -> io::Result<()> {
    let header = FAMILY_COLUMNS.iter().map(|column| column.name).chain([CSV_CELLS]);
    out.write_all(&row(header.map(Cow::Borrowed))?)?;
    for family in families {
        let values = FAMILY_COLUMNS.iter().map(|column| {
            let text = Cow::Owned((column.get)(family));
            match cells {
                CellText::Neutralised if column.is_foreign => neutralise(text),
                CellText::Visible if column.is_foreign => neutralise(Cow::Owned(visible(&text).into_owned())),
                _ => text,
            }
        });
        out.write_all(&row(values.chain([Cow::Borrowed(<&str>::from(cells))]))?)?;
    }
    Ok(())
}

/// The foremost name, or the id where nothing has a name.
fn called(family: &Family) -> String {
    let others = match family.names.len() {
        0 | 1 => String::new(),
        all => format!(" + {}", all - 1),
    };
    family.names.first().map_or_else(|| family.id.clone(), |foremost| cell(&foremost.name) + &others)
}

/// The operator's own images stand apart: they are no news.
fn write_tables(families: &[Family], out: &mut dyn Write) -> io::Result<()> {
    let (own, others): (Vec<&Family>, Vec<&Family>) = families.iter().partition(|family| family.own_image);
    if !others.is_empty() {
        write_table(&others, out)?;
    }
    if !own.is_empty() {
        let gap = if others.is_empty() { "" } else { "\n" };
        writeln!(out, "{gap}Declared as own images:")?;
        write_table(&own, out)?;
    }
    Ok(())
}

fn write_table(families: &[&Family], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "NAME",
        "VERDICT",
        "SIGNIFICANT",
        "MACHINES",
        "ENDPOINTS",
        "NETWORKS",
        "VERSION",
        "LINKED BY",
        "CHANCE",
        "KNOWN AS",
        "SEEN",
    ]);
    for family in families {
        let day = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string().chars().take(10).collect::<String>());
        let seen = day(family.first_seen).zip(day(family.last_seen)).map(|(first, last)| format!("{first}–{last}"));
        let count = |kind| family.links.iter().filter(|link| link.kind == kind).count();
        let linked = [(LinkKind::Name, "name"), (LinkKind::Certificate, "certificate")];
        let linked = linked.map(|(kind, word)| (count(kind), word)).into_iter().filter(|(count, _)| *count > 0);
        table.add_row([
            called(family),
            family.verdict.to_string(),
            if family.significant { "yes" } else { "no" }.to_owned(),
            format!("≥ {}", family.machines_at_least),
            family.endpoints.to_string(),
            family.networks.to_string(),
            family.builds.first().map_or_else(String::new, |build| cell(&build.version)),
            linked.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(" + "),
            expected(family),
            family.known_as.first().map_or_else(String::new, |known| known.fingerprint_id.clone()),
            seen.unwrap_or_default(),
        ]);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    for family in families {
        let wording = family.wording.as_ref().map_or_else(String::new, |wording| format!(" {wording}"));
        writeln!(out, "\n{}: {}{wording}", called(family), visible(&family.why))?;
    }
    Ok(())
}
