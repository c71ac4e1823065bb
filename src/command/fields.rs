//! The field table for people: `--list-fields` and `docs/fields.md`.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use strum::{EnumMessage, VariantArray};

use super::{Exit, Failure, stdout};
use crate::fingerprint::TRAITS;
use crate::observe::{Anomaly, KeyPossession, Stage, Status, X224Answer};
use crate::output::CSV_CELLS;
use crate::verdict::{Column, columns};

const CSV_CELLS_DOC: &str = "Whether cells that a spreadsheet would run are `neutralised` or `raw` (on a terminal `visible`); always the last column.";

/// Prints the fields as a table.
pub(super) fn list() -> Result<Exit, Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["FIELD", "TYPE", "DEFAULT", "MEANING"]);
    for column in columns() {
        let default = if column.default() { "yes" } else { "" };
        table.add_row([column.name(), &kind(column), default, column.doc()]);
    }
    table.add_row([CSV_CELLS, "word", "yes", CSV_CELLS_DOC]);
    let lines: Vec<String> = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    stdout::print(&lines.concat()).map(|()| Exit::Done)
}

fn kind(column: Column) -> String {
    let kind = column.kind();
    if column.unit().is_empty() { kind.to_string() } else { format!("{kind} ({})", column.unit()) }
}

/// The text of `docs/fields.md`, made from the tables that the program itself uses.
#[must_use]
pub fn fields_page() -> String {
    let mut page = String::from(
        "# Fields of a record\n\n\
         Made from the program's own tables; `cargo test` fails when they differ, and\n\
         `UPDATE_EXPECT=1 cargo test fields_page` writes this page anew.\n\n\
         The name is what `--fields`, CSV headers and fingerprint conditions use; the path is where JSON holds the\n\
         value (`[]` stands for any element of a list). In CSV the certificate fields are those of the leaf. Fields\n\
         marked with * are in CSV only when `--fields` asks for them. A value that was not seen is absent in JSON and\n\
         empty in CSV. Lists in a cell are joined by `;`; a `;` or `\\` inside an element is preceded by `\\`.\n\n\
         | Field | Type | JSON path | Meaning |\n|---|---|---|---|\n",
    );
    for column in columns() {
        let star = if column.default() { "" } else { " *" };
        let (name, kind, path, doc) = (column.name(), kind(column), column.path(), column.doc());
        // Writing into a String cannot fail, here and below.
        let _infallible = writeln!(page, "| `{name}`{star} | {kind} | `{path}` | {doc} |");
    }
    let _infallible = writeln!(page, "| `{CSV_CELLS}` | word | (CSV only) | {CSV_CELLS_DOC} |");
    words::<Status>(&mut page, "Words of `status`");
    words::<Stage>(&mut page, "Words of `stage`");
    words::<X224Answer>(&mut page, "Words of `x224_answer`");
    words::<KeyPossession>(&mut page, "Words of `key_possession`");
    words::<Anomaly>(&mut page, "Words of `anomalies`");
    words::<crate::fingerprint::Class>(&mut page, "Words of `class`, strongest first");
    words::<crate::fingerprint::Confidence>(&mut page, "Words of `confidence`, weakest first");
    page.push_str(
        "\n## Traits\n\nWhat follows from one record alone. A trait that does not apply is absent.\n\n\
         | Trait | Meaning | Rests on | Honest hosts |\n|---|---|---|---|\n",
    );
    for row in TRAITS {
        let _infallible = writeln!(page, "| `{}` | {} | {} | {} |", row.name, row.doc, row.source, row.honest);
    }
    page
}

fn words<T: VariantArray + EnumMessage + Copy + Into<&'static str>>(page: &mut String, title: &str) {
    let _infallible = writeln!(page, "\n## {title}\n\n| Word | Meaning |\n|---|---|");
    for word in T::VARIANTS {
        let name: &'static str = (*word).into();
        let _infallible = writeln!(page, "| `{name}` | {} |", word.get_documentation().unwrap_or_default());
    }
}
