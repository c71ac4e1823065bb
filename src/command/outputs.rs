//! The outputs of a run: their flags, and how they are opened, all of them before anything else is done.

use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::Failure;
use super::words::word;
use crate::output::{
    CellText, CsvOptions, Format, Outputs, Selection, choose_columns, cut, format_of, open_file, sink,
};
use crate::scan::ResumeFile;

/// The flags that say where records go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputFlags {
    /// Write records to FILE; its extension (.csv, .jsonl) names the format; may be repeated
    #[arg(short, long = "output", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) outputs: Vec<PathBuf>,

    /// Replace output files that exist
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Format on standard output; unless given: a table on a terminal, JSON Lines into a pipe, nothing into a pipe
    /// when there are output files
    #[arg(long, value_parser = word::<Format>())]
    pub(super) format: Option<Format>,

    /// Columns of CSV, by name; `default` and `all` stand for those lists
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) fields: Option<Vec<String>>,

    /// Leave text from hosts in CSV as it is, even where a spreadsheet would run it as a formula
    #[arg(long)]
    pub(super) csv_raw: bool,
}

/// The outputs' paths: those of the flags, or those of the run that is resumed.
pub(super) fn paths(flags: &OutputFlags, resumed: Option<&ResumeFile>) -> Vec<PathBuf> {
    match resumed {
        Some(file) if flags.outputs.is_empty() => file.outputs.iter().map(|(path, _)| path.clone()).collect(),
        _ => flags.outputs.clone(),
    }
}

/// Opens everything; a run that is refused here leaves no file behind and destroys none.
pub(super) fn open(
    flags: &OutputFlags,
    selection: Selection,
    paths: &[PathBuf],
    resumed: Option<&ResumeFile>,
) -> Result<Outputs, Failure> {
    let formats: Vec<Format> =
        paths.iter().map(|path| format_of(path)).collect::<Result<_, _>>().map_err(Failure::usage)?;
    let mut distinct = HashSet::new();
    if let Some(path) = paths.iter().find(|path| !distinct.insert(*path)) {
        return Err(Failure::usage(format!("output `{}` is named twice; give each file once", path.display())));
    }
    let is_terminal = io::stdout().is_terminal();
    let stdout = match flags.format {
        Some(format) => Some(format),
        None if is_terminal => Some(Format::Table),
        None if paths.is_empty() => Some(Format::Jsonl),
        None => None,
    };
    let csv = csv_options(flags, formats.iter().copied().chain(stdout))?;

    let known = |path: &Path| resumed?.outputs.iter().find(|(known, _)| known == path).map(|(_, length)| *length);
    let mut files = Vec::new();
    for path in paths {
        let may_exist = flags.overwrite || known(path).is_some();
        let file = open_file(path, may_exist).inspect_err(|_| {
            if !flags.overwrite && resumed.is_none() {
                remove_new(paths, files.len());
            }
        });
        files.push(file.map_err(Failure::usage)?);
    }
    let mut outputs = Outputs::new(selection);
    for ((path, file), format) in paths.iter().zip(files).zip(formats) {
        let length = known(path);
        cut(path, &file, length.unwrap_or(0)).map_err(Failure::usage)?;
        let added = file.try_clone().and_then(|copy| {
            let sink = sink(format, Box::new(copy), &csv, length.is_some())?;
            outputs.add_file(path.clone(), file, sink)
        });
        added.map_err(|error| Failure::usage(format!("output `{}` cannot be written: {error}", path.display())))?;
    }
    if let Some(format) = stdout {
        // The header of CSV is written here; a reader that is already gone is noticed at the first record.
        let cells = if is_terminal { CellText::Visible } else { csv.cells };
        let csv = CsvOptions { cells, ..csv };
        let sink = sink(format, Box::new(io::stdout()), &csv, false)
            .map_err(|error| Failure::usage(format!("standard output cannot be written: {error}")))?;
        outputs.add("standard output".to_owned(), sink);
    }
    Ok(outputs)
}

/// Takes back the first `count` files, which this run made, so that the next try does not find them in its way.
fn remove_new(paths: &[PathBuf], count: usize) {
    for path in paths.iter().take(count) {
        // The failure that led here is what the user must hear of.
        let _best_effort = std::fs::remove_file(path);
    }
}

fn csv_options(flags: &OutputFlags, mut formats: impl Iterator<Item = Format>) -> Result<CsvOptions, Failure> {
    let has_csv = formats.any(|format| format == Format::Csv);
    let mut options = CsvOptions::default();
    if flags.csv_raw {
        options.cells = CellText::Raw;
    }
    if let Some(names) = &flags.fields {
        options.columns = choose_columns(names).map_err(Failure::usage)?;
    }
    if !has_csv && (flags.csv_raw || flags.fields.is_some()) {
        let message = "--fields and --csv-raw are for CSV, and no output is CSV; add -o FILE.csv or --format csv";
        return Err(Failure::usage(message));
    }
    Ok(options)
}
