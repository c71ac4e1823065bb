//! `rdprint families`: which machines are copies of one installation. No packet is sent.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::matching::spare_inputs;
use super::problems::Problems;
use super::words::word;
use super::{Exit, Failure, fingerprints};
use crate::families::{
    Family, Findings, OwnImages, Population, Proposal, Seen, Settings, Verdict, WindowCount, propose,
};
use crate::fingerprint::FingerprintSet;
use crate::given;
use crate::import::{self, Flow, Format, Item};
use crate::output::{self, CellText, cut, format_of, open_file, write_families};
use crate::store::{Store, Which};
use crate::verdict::Record;
use crate::visible::visible;

/// Windows that are told on standard error; a year of weeks would drown the rest.
const WINDOWS_TOLD: usize = 4;
const SECONDS_PER_DAY: i64 = 24 * 3600;

#[derive(Debug, Args)]
pub(super) struct FamiliesFlags {
    /// Records of scans, or what others gathered, in any of the formats of --from; `-` is standard input. Several files
    /// are one population: give all that belongs together
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// Read every look that sweeps remember instead of files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["files", "from", "strict"])]
    history: Option<PathBuf>,

    /// The format of the files, where it is not recognised by their content
    #[arg(long, value_name = "FORMAT", value_parser = word::<Format>())]
    from: Option<Format>,

    /// Stop with exit code 2 at the first piece that cannot be read, instead of naming it and going on
    #[arg(long)]
    strict: bool,

    /// Count machines together that were seen within this many days; windows follow each other back from the newest look
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=3660))]
    window: u16,

    /// Also list what turned out to be one machine, a relay or a network address translation
    #[arg(long)]
    all: bool,

    /// Write a fingerprint into DIR for each significant family that no fingerprint knows; `fingerprints test` accepts
    /// them as they are
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    propose: Option<PathBuf>,

    /// Images that you hand out yourself, one a line: a computer name, `sha256:` and the hash of a certificate, or
    /// `serial:` and its serial number. Their families are reported apart and never drafted
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    own_images: Option<PathBuf>,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    fingerprints: Vec<PathBuf>,

    /// Write families to FILE; its extension (.csv, .jsonl) names the format; may be repeated
    #[arg(short, long = "output", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    outputs: Vec<PathBuf>,

    /// Replace output files and drafts that exist
    #[arg(long, help_heading = "Output")]
    overwrite: bool,

    /// Format on standard output; unless given: a table on a terminal, JSON Lines into a pipe, nothing into a pipe when
    /// there are output files
    #[arg(long, value_parser = word::<output::Format>(), help_heading = "Output")]
    format: Option<output::Format>,
}

/// Reads everything, and then finds the families.
pub(super) fn run(flags: &FamiliesFlags) -> Result<Exit, Failure> {
    let set = fingerprints::load(&flags.fingerprints)?;
    let own_images = flags.own_images.as_deref().map_or(Ok(OwnImages::default()), read_own_images)?;
    let store = flags.history.as_deref().map(Store::open_to_read).transpose().map_err(Failure::usage)?;
    let files = if store.is_some() { &[] } else { flags.files.as_slice() };
    let sources = import::open(files, flags.from).map_err(Failure::usage)?;
    for source in sources.iter().filter(|source| source.format().is_none()) {
        eprintln!("note: `{}` is empty", visible(&source.name()));
    }
    spare_inputs(flags.history.as_ref().map_or(&flags.files[..], std::slice::from_ref), &flags.outputs)?;
    let outputs = open(flags)?;
    if let Some(folder) = &flags.propose {
        let unusable =
            |error: io::Error| Failure::usage(format!("drafts cannot be written to `{}`: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(unusable)?;
    }

    let (mut population, mut problems) = (Population::new(), Problems::new(flags.strict));
    let mut add = |observation| population.add(&Seen::of(&Record::judge(observation, &set)));
    let mut take = |item: Item<'_>| -> Flow {
        match item {
            Item::Seen { observation, .. } => {
                add(observation);
                ControlFlow::Continue(())
            }
            Item::Problem(problem) => problems.add(problem),
            Item::Header { .. } | Item::PassedOver { .. } | Item::Lacks { .. } | Item::Target(_) => {
                ControlFlow::Continue(())
            }
        }
    };
    import::read(sources, &mut take).map_err(Failure::usage)?;
    if let Some(store) = store {
        // Whether machines were there at one time is told by looks, not by states.
        for observation in store.observations(Which::Looks).map_err(Failure::usage)? {
            add(observation.map_err(Failure::usage)?);
        }
    }
    let exit = problems.finish()?;

    let settings = Settings { window_seconds: i64::from(flags.window) * SECONDS_PER_DAY, own_images };
    let findings = population.families(&settings);
    // What would be refused is refused before anything is written.
    let drafts =
        flags.propose.as_deref().map(|folder| drafts(folder, &findings.families, &set, flags.overwrite)).transpose()?;
    let listed: Vec<Family> = findings.families.iter().filter(|family| flags.all || is_news(family)).cloned().collect();
    for mut output in outputs {
        output.write(&listed)?;
    }
    for (path, text) in drafts.into_iter().flatten() {
        fs::write(&path, text)
            .map_err(|error| Failure::own_fault(format!("draft `{}` cannot be written: {error}", path.display())))?;
        eprintln!("draft: {}", path.display());
    }
    tell(&findings, listed.len());
    Ok(exit)
}

/// Copies, and what may be copies.
fn is_news(family: &Family) -> bool {
    matches!(family.verdict, Verdict::Clones | Verdict::Undecided)
}

fn read_own_images(path: &Path) -> Result<OwnImages, Failure> {
    let name = path.display();
    let text = given::text(path).map_err(|error| Failure::usage(format!("`{name}` cannot be read: {error}")))?;
    OwnImages::parse(&text).map_err(|error| Failure::usage(format!("`{name}`: {error}")))
}

/// Where families go.
struct Output {
    name: String,
    format: output::Format,
    cells: CellText,
    out: Box<dyn Write>,
}

impl Output {
    /// A reader that has gone away has had enough.
    fn write(&mut self, families: &[Family]) -> Result<(), Failure> {
        match write_families(self.format, families, self.cells, &mut self.out) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::own_fault(format!("output `{}` cannot be written: {error}", self.name)))
            }
            _ => Ok(()),
        }
    }
}

fn open(flags: &FamiliesFlags) -> Result<Vec<Output>, Failure> {
    let formats =
        flags.outputs.iter().map(|path| format_of(path)).collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
    let mut outputs = Vec::new();
    for (path, format) in flags.outputs.iter().zip(formats) {
        let file = open_file(path, flags.overwrite).map_err(Failure::usage)?;
        cut(path, &file, 0).map_err(Failure::usage)?;
        let out = Box::new(io::BufWriter::new(file));
        outputs.push(Output { name: path.display().to_string(), format, cells: CellText::default(), out });
    }
    let is_terminal = io::stdout().is_terminal();
    let format = match flags.format {
        None if is_terminal => Some(output::Format::Table),
        None if outputs.is_empty() => Some(output::Format::Jsonl),
        chosen => chosen,
    };
    if let Some(format) = format {
        let cells = if is_terminal { CellText::Visible } else { CellText::default() };
        let out = Box::new(io::BufWriter::new(io::stdout()));
        outputs.push(Output { name: "standard output".to_owned(), format, cells, out });
    }
    Ok(outputs)
}

/// The drafts with their files. A family whose marks make no fingerprint is named and left out.
fn drafts(
    folder: &Path,
    families: &[Family],
    set: &FingerprintSet,
    overwrite: bool,
) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut drafts = Vec::new();
    for family in families {
        match propose(family, "records given to rdprint families", set) {
            Ok(proposals) => {
                let file = |Proposal { id, text }| (folder.join(format!("{id}.toml")), text);
                drafts.extend(proposals.into_iter().map(file));
            }
            Err(error) => eprintln!("note: no draft for {}: {}", visible(&family.id), visible(&error.to_string())),
        }
    }
    // Of two families with one name the foremost has it.
    let mut taken = HashSet::new();
    drafts.retain(|(path, _): &(PathBuf, String)| taken.insert(path.clone()));
    if let Some((path, _)) = drafts.iter().find(|(path, _)| !overwrite && path.exists()) {
        let message = format!("draft `{}` exists; choose another folder, or --overwrite to replace it", path.display());
        return Err(Failure::usage(message));
    }
    Ok(drafts)
}

/// What was read and counted, for people.
fn tell(findings: &Findings, listed: usize) {
    let Findings { families, intake, windows } = findings;
    eprintln!(
        "records {}, of which {} have neither a generated name nor a certificate of Windows' own form, {} no time, {} are no \
         Windows machine's own answer",
        intake.records, intake.unlinkable, intake.without_time, intake.set_aside
    );
    for WindowCount { from, to, generators } in windows.iter().take(WINDOWS_TOLD) {
        let each = generators.iter().map(|one| match one.significant_size {
            0 => format!("{}- {}", one.generator, one.endpoints),
            size => format!("{}- {} (significant from {size} machines)", one.generator, one.endpoints),
        });
        eprintln!("  {from} to {to}: endpoints with names of {}", each.collect::<Vec<_>>().join(", "));
    }
    if windows.len() > WINDOWS_TOLD {
        eprintln!("  … and {} earlier windows", windows.len() - WINDOWS_TOLD);
    }
    let count = |verdict| families.iter().filter(|family| family.verdict == verdict).count();
    eprintln!(
        "families {}: clones {}, undecided {}, relays or address translation {}, one machine {}; listed {listed}",
        families.len(),
        count(Verdict::Clones),
        count(Verdict::Undecided),
        count(Verdict::RelayOrNat),
        count(Verdict::SameMachine)
    );
    if count(Verdict::Clones) > 0 {
        eprintln!("significant means copied, not bad");
    }
}
