//! Reads the fingerprints of the user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::fingerprint::{FingerprintSet, SourceFile};
use crate::visible::visible;

/// The embedded set together with the files, and every `.toml` below the folders, that are named. Their examples are
/// run at once, since nobody else has; those of the embedded set are run by the tests. What replaces a fingerprint of
/// rdprint is announced.
pub(in crate::command) fn load(paths: &[PathBuf]) -> Result<FingerprintSet, Failure> {
    let set = FingerprintSet::embedded_with(read(paths)?).map_err(Failure::usage)?;
    for fingerprint in set.iter() {
        if let Some(replaced) = &fingerprint.overrides {
            eprintln!("rdprint: fingerprint `{replaced}` is replaced by `{}`", visible(&fingerprint.file));
        }
    }
    Ok(set)
}

/// The files, and every `.toml` below the folders, in the order of their names.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let mut found = Vec::new();
        if path.is_file() {
            found.push(path.clone());
        } else {
            find_toml(path, &mut found).map_err(|(path, error)| unreadable(&path, &error))?;
        }
        if found.is_empty() {
            let message = format!("fingerprint folder `{}` holds no .toml file; name one that does", path.display());
            return Err(Failure::usage(message));
        }
        found.sort();
        for path in found {
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            files.push(SourceFile { name: path.display().to_string(), text });
        }
    }
    Ok(files)
}

fn find_toml(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            find_toml(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("fingerprints in `{}` cannot be read: {error}", path.display()))
}
