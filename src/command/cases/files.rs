//! Files that people send: whole or not there at all, and never in the place of another without a word.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::super::{Exit, Failure, stdout};
use crate::cases::Templates;
use crate::place::{beside, create_anew, give_name};
use crate::sweep::file::replace;

/// Writes a file that is not there yet; another process that has the same idea does not lose its own.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, ".new");
    let written = create_anew(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        give_name(&new, path)
    });
    if written.is_err() {
        // The failure itself is what is told.
        let _best_effort = fs::remove_file(&new);
    }
    written
}

/// Writes a file, in the place of the one that is there.
pub(super) fn write_over(path: &Path, text: &str) -> io::Result<()> {
    replace(path, |mut file| file.write_all(text.as_bytes()))
}

/// The shipped templates with those of a folder in their place.
pub(super) fn load_templates(folder: Option<&Path>) -> Result<Templates, Failure> {
    let mut own = BTreeMap::new();
    if let Some(folder) = folder {
        let name = folder.display();
        let unreadable = |error: io::Error| Failure::usage(format!("templates in `{name}` cannot be read: {error}"));
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let is_template = path.extension().is_some_and(|extension| extension == "txt" || extension == "html");
            let Some(file) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_template) else { continue };
            let text = fs::read_to_string(&path)
                .map_err(|error| Failure::usage(format!("template `{}` cannot be read: {error}", path.display())))?;
            own.insert(file.to_owned(), text);
        }
        if own.is_empty() {
            let message = format!(
                "`{name}` holds no template; `rdprint cases templates --write {name}` copies the shipped ones there"
            );
            return Err(Failure::usage(message));
        }
    }
    Templates::with(own).map_err(Failure::usage)
}

/// Lists the shipped templates, or copies them out.
pub(super) fn templates(folder: Option<&Path>) -> Result<Exit, Failure> {
    let shipped: BTreeMap<&str, &str> = Templates::shipped().collect();
    let Some(folder) = folder else {
        let names: Vec<String> = shipped.keys().map(|name| format!("{name}\n")).collect();
        return stdout::print(&names.concat()).map(|()| Exit::Done);
    };
    let wrong = |path: &Path, error: &io::Error| format!("`{}` cannot be written: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| Failure::usage(wrong(folder, &error)))?;
    if let Some(name) = shipped.keys().find(|name| folder.join(name).exists()) {
        let path = folder.join(name);
        return Err(Failure::usage(format!(
            "`{}` is there already; name a new folder, nothing was written",
            path.display()
        )));
    }
    for (name, text) in shipped {
        let path = folder.join(name);
        write_new(&path, text).map_err(|error| Failure::own_fault(wrong(&path, &error)))?;
        stdout::print(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}
