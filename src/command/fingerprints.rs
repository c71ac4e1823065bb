//! Reads the fingerprints of the user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::fingerprint::{FingerprintSet, SourceFile};

/// The embedded set together with the files, and every `.toml` below the folders, that are named. Their examples are
/// run at once, since nobody else has; those of the embedded set are run by the tests.
pub(super) fn load(folders: &[PathBuf]) -> Result<FingerprintSet, Failure> {
    let mut files = Vec::new();
    for folder in folders {
        let mut paths = Vec::new();
        if folder.is_file() {
            paths.push(folder.clone());
        } else {
            find_toml(folder, &mut paths).map_err(|(path, error)| unreadable(&path, &error))?;
        }
        if paths.is_empty() {
            let message = format!("fingerprint folder `{}` holds no .toml file; name one that does", folder.display());
            return Err(Failure::usage(message));
        }
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            files.push(SourceFile { name: path.display().to_string(), text });
        }
    }
    FingerprintSet::embedded_with(files).map_err(Failure::usage)
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
