//! Reads the fingerprints of the user.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::fingerprint::{FingerprintError, FingerprintSet, SourceFile};
use crate::given;
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

/// The files, and every `.toml` below the folders, each once and in the order of their names.
fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let (files, mut problems) = read_all(paths);
    if problems.is_empty() { Ok(files) } else { Err(Failure::usage(problems.swap_remove(0).message)) }
}

/// As [`read`], with a complaint for each that cannot be read.
pub(super) fn read_all(paths: &[PathBuf]) -> (Vec<SourceFile>, Vec<FingerprintError>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        let mut found = Vec::new();
        let result = find_toml(path, &mut found, &mut seen).and_then(|()| {
            found.sort();
            let unread = |path: &PathBuf| (path.clone(), "holds no .toml file; name one that does".to_owned());
            if found.is_empty() && path.is_dir() { Err(unread(path)) } else { Ok(()) }
        });
        let mut complain = |(path, error): (PathBuf, String)| {
            let name = path.display();
            let message = format!("fingerprints in `{name}` cannot be read: {error}");
            problems.push(FingerprintError { file: name.to_string(), line: 1, message });
        };
        if let Err(error) = result {
            complain(error);
        }
        for path in found {
            match given::text(&path) {
                Ok(text) => files.push(SourceFile { name: path.display().to_string(), text }),
                Err(error) => complain((path, error.to_string())),
            }
        }
    }
    (files, problems)
}

/// Follows links, but comes to no file and no folder twice; what begins with a dot is left alone below a folder.
fn find_toml(path: &Path, found: &mut Vec<PathBuf>, seen: &mut BTreeSet<PathBuf>) -> Result<(), (PathBuf, String)> {
    let at = |error: std::io::Error| (path.to_owned(), error.to_string());
    if !seen.insert(path.canonicalize().map_err(at)?) {
        return Ok(());
    }
    let kind = fs::metadata(path).map_err(at)?;
    if kind.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    if !kind.is_dir() {
        return Err((path.to_owned(), "it is neither a file nor a folder".to_owned()));
    }
    for entry in fs::read_dir(path).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        if !is_hidden && (path.is_dir() || is_toml) {
            find_toml(&path, found, seen)?;
        }
    }
    Ok(())
}
