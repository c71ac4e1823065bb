//! Files that people send: whole or not there at all, and never in the place of another without a word.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::super::{Exit, Failure, stdout};
use crate::cases::Templates;
use crate::given;
use crate::sweep::file::{create_new, replace};

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Nobody but the owner: it holds what concerns a person.
    Owner,
    /// Whoever the system lets.
    All,
}

/// Makes a folder, and those above it, that nobody but its owner looks into; one that is there stays as it is.
pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Before anything is written into it.
#[cfg_attr(not(unix), expect(unused_variables, clippy::unnecessary_wraps, reason = "folders decide elsewhere"))]
fn restrict(file: &File, readers: Readers) -> io::Result<()> {
    #[cfg(unix)]
    if readers == Readers::Owner {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Writes a file that is not there yet.
pub(super) fn write_new(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    create_new(path, |mut file| {
        restrict(file, readers)?;
        file.write_all(text.as_bytes())
    })
}

/// Writes a file, in the place of the one that is there.
pub(super) fn write_over(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    replace(path, |mut file| {
        restrict(file, readers)?;
        file.write_all(text.as_bytes())
    })
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
            let text = given::text(&path)
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
        write_new(&path, text, Readers::All).map_err(|error| Failure::own_fault(wrong(&path, &error)))?;
        stdout::print(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}
