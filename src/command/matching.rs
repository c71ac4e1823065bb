//! `rdprint match`: the fingerprints on data that others gathered. No packet is sent.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use same_file::Handle;

use super::outputs::{self, OutputFlags};
use super::problems::Problems;
use super::words::{accusing_class, word};
use super::{Exit, Failure, fingerprints};
use crate::fingerprint::{Class, FingerprintSet, declares_name};
use crate::import::{self, Flow, Format, Item, Rows, Source};
use crate::output::{Annotation, AnnotationError, Outputs, RowFormat, Selection, cut, open_file};
use crate::scan::Coverage;
use crate::store::{Store, Which};
use crate::verdict::Record;
use crate::visible::visible;

#[derive(Debug, Args)]
pub(super) struct MatchFlags {
    /// What others gathered, in any of the formats of --from; `-` is standard input. The logs of Zeek that belong
    /// together are given together
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// Read what sweeps remember instead of files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["files", "from", "strict", "annotate"])]
    history: Option<PathBuf>,

    /// Which observations of the history: the last look at each endpoint, each state that it was in, or every look
    #[arg(long, default_value = "latest", value_parser = word::<Which>(), requires = "history")]
    which: Which,

    /// The format of the files, where it is not recognised by their content
    #[arg(long, value_name = "FORMAT", value_parser = word::<Format>())]
    from: Option<Format>,

    /// Stop with exit code 2 at the first piece that cannot be read, instead of naming it and going on
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    output: OutputFlags,

    /// Which records to write: matched a fingerprint, spoke RDP, accepted the connection, or all [default: matched;
    /// with --annotate all]
    #[arg(long, value_parser = word::<Selection>(), help_heading = "Output")]
    write: Option<Selection>,

    /// Write the rows of FILE as they are, with the match added: columns `rdprint_…` in CSV, a key `rdprint` in JSON
    /// lines. One file in, standard output or one --output out
    #[arg(long, help_heading = "Output", conflicts_with_all = ["format", "fields", "csv_raw"])]
    annotate: bool,

    /// Add the fingerprints in a folder or file to those of rdprint; may be repeated
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    fingerprints: Vec<PathBuf>,

    /// Exit with 1 if a finding of CLASS or a stronger one has more than its name to support it
    #[arg(long, value_name = "CLASS", value_parser = accusing_class())]
    fail_on: Option<Class>,
}

/// Reads everything once, judges each observation and writes it.
pub(super) fn run(flags: &MatchFlags) -> Result<Exit, Failure> {
    let set = fingerprints::load(&flags.fingerprints)?;
    let store = flags.history.as_deref().map(Store::open_to_read).transpose().map_err(Failure::usage)?;
    let files = if store.is_some() { &[] } else { flags.files.as_slice() };
    let sources = import::open(files, flags.from).map_err(Failure::usage)?;
    for source in sources.iter().filter(|source| source.format().is_none()) {
        eprintln!("note: `{}` is empty", visible(&source.name()));
    }
    spare_inputs(&flags.files, &flags.output.outputs)?;
    let mut run = Run {
        set: &set,
        target: Target::open(flags, &sources)?,
        problems: Problems::new(flags.strict),
        coverage: Coverage::default(),
        passed_over: 0,
        failure: None,
    };
    import::read(sources, &mut |item| run.take(item)).map_err(Failure::usage)?;
    if let Some(store) = store {
        for observation in store.observations(flags.which).map_err(Failure::usage)? {
            let observation = observation.map_err(Failure::usage)?;
            if run.take(Item::Seen { observation, row: &[] }).is_break() {
                break;
            }
        }
    }
    run.finish(flags.fail_on)
}

/// An output that is also read, under whatever name or as standard input, would be emptied before it is.
pub(super) fn spare_inputs(files: &[PathBuf], outputs: &[PathBuf]) -> Result<(), Failure> {
    let open = |path: &PathBuf| if path.as_os_str() == "-" { Handle::stdin() } else { Handle::from_path(path) };
    let is_file = |handle: &Handle| handle.as_file().metadata().is_ok_and(|metadata| metadata.is_file());
    let inputs: Vec<Handle> = files.iter().filter_map(|path| open(path).ok()).filter(is_file).collect();
    let is_read = |path: &&PathBuf| Handle::from_path(path).is_ok_and(|output| inputs.contains(&output));
    match outputs.iter().find(is_read) {
        Some(path) => Err(Failure::usage(format!("output `{}` is also read; write to another file", path.display()))),
        None => Ok(()),
    }
}

struct Run<'a> {
    set: &'a FingerprintSet,
    target: Target,
    problems: Problems,
    coverage: Coverage,
    passed_over: u64,
    failure: Option<Failure>,
}

/// Where records, or annotated rows, go.
enum Target {
    Records(Outputs),
    Rows { name: String, rows: Annotation<Box<dyn Write>>, selection: Selection },
}

impl Target {
    fn open(flags: &MatchFlags, sources: &[Source]) -> Result<Self, Failure> {
        if flags.annotate {
            return Self::open_rows(flags, sources);
        }
        let selection = flags.write.unwrap_or(Selection::Matched);
        outputs::open(&flags.output, selection, &flags.output.outputs, None).map(Self::Records)
    }

    fn open_rows(flags: &MatchFlags, sources: &[Source]) -> Result<Self, Failure> {
        let [source] = sources else {
            return Err(Failure::usage("--annotate takes one file, since its rows keep columns of their own"));
        };
        let rows = match source.format().map(|format| (format, format.rows())) {
            None | Some((_, Some(Rows::JsonLines))) => RowFormat::JsonLines,
            Some((_, Some(Rows::Csv))) => RowFormat::Csv,
            Some((format, None)) => {
                return Err(Failure::usage(format!(
                    "`{}` is {format}, which has no rows that stand for one endpoint each; leave --annotate out, or \
                     annotate CSV or JSON lines",
                    source.name()
                )));
            }
        };
        let (name, out): (String, Box<dyn Write>) = match flags.output.outputs.as_slice() {
            [] if io::stdout().is_terminal() => {
                let message =
                    "rows of other tools may hold anything, so they are not written to a terminal; add -o FILE";
                return Err(Failure::usage(message));
            }
            [] => ("standard output".to_owned(), Box::new(io::stdout())),
            [path] => {
                let file: File = open_file(path, flags.output.overwrite).map_err(Failure::usage)?;
                cut(path, &file, 0).map_err(Failure::usage)?;
                (path.display().to_string(), Box::new(file))
            }
            _ => return Err(Failure::usage("--annotate writes one file; give one --output")),
        };
        let rows = Annotation::new(Box::new(BufWriter::new(out)) as Box<dyn Write>, rows);
        Ok(Self::Rows { name, rows, selection: flags.write.unwrap_or(Selection::All) })
    }
}

impl Run<'_> {
    fn take(&mut self, item: Item<'_>) -> Flow {
        match item {
            Item::Seen { observation, row } => {
                let record = Record::judge(observation, self.set);
                self.count(&record);
                self.write(&record, row)
            }
            Item::Header { row } => match &mut self.target {
                Target::Records(_) => ControlFlow::Continue(()),
                Target::Rows { rows, .. } => {
                    let written = rows.header(row);
                    self.written(written, "the header")
                }
            },
            Item::PassedOver { row } => {
                self.passed_over += 1;
                match &mut self.target {
                    Target::Rows { rows, selection: Selection::All, .. } => {
                        let written = rows.row(row, None);
                        self.written(written, "a row")
                    }
                    _ => ControlFlow::Continue(()),
                }
            }
            Item::Lacks { file, facts } => {
                eprintln!(
                    "note: `{}` leaves out {}; fingerprints that ask for them can say less of it",
                    visible(file),
                    facts.join(", ")
                );
                ControlFlow::Continue(())
            }
            Item::Problem(problem) => self.problems.add(problem),
            Item::Target(_) => ControlFlow::Continue(()),
        }
    }

    fn count(&mut self, record: &Record) {
        self.coverage.probed += 1;
        self.coverage.rdp += u64::from(record.observation.speaks_rdp());
        self.coverage.named += u64::from(declares_name(&record.observation));
        self.coverage.add_matches(record);
    }

    fn write(&mut self, record: &Record, row: &[u8]) -> Flow {
        match &mut self.target {
            Target::Records(outputs) => {
                if let Err(error) = outputs.write(record) {
                    self.failure = Some(Failure::own_fault(error));
                    return ControlFlow::Break(());
                }
                if outputs.are_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            Target::Rows { rows, selection, .. } if selection.takes(record) => {
                let written = rows.row(row, Some(record));
                self.written(written, &record.observation.source)
            }
            Target::Rows { .. } => ControlFlow::Continue(()),
        }
    }

    /// What came of writing an annotated row. A reader that has gone away has had enough.
    fn written(&mut self, written: Result<(), AnnotationError>, what: &str) -> Flow {
        let Target::Rows { name, .. } = &self.target else { return ControlFlow::Continue(()) };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(AnnotationError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => ControlFlow::Break(()),
            Err(AnnotationError::Io(error)) => {
                self.failure = Some(Failure::own_fault(format!("`{name}` cannot be written any further: {error}")));
                ControlFlow::Break(())
            }
            Err(error) => {
                self.failure = Some(Failure::usage(format!("{what} {error}")));
                ControlFlow::Break(())
            }
        }
    }

    fn finish(mut self, fail_on: Option<Class>) -> Result<Exit, Failure> {
        let finished = match &mut self.target {
            Target::Records(outputs) => outputs.finish().map_err(Failure::own_fault),
            Target::Rows { name, rows, .. } => match rows.finish() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    Err(Failure::own_fault(format!("`{name}` cannot be written any further: {error}")))
                }
                _ => Ok(()),
            },
        };
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        finished?;
        let Coverage { probed, rdp, named, .. } = &self.coverage;
        let exit = self.problems.finish()?;
        eprintln!("records {probed}, RDP {rdp}, with a comparable name {named}");
        if self.passed_over > 0 {
            eprintln!("  passed over, since they say nothing of RDP: {}", self.passed_over);
        }
        eprint!("{}", self.coverage.findings());
        let is_found = fail_on.is_some_and(|class| self.coverage.has_supported(class));
        Ok(if is_found { Exit::Found } else { exit })
    }
}
