//! Where a sweep writes: at no place that it also reads, and at none twice, however the paths are written.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::super::Failure;
use crate::place::beside;
use crate::sweep::settings::Settings;

/// What SQLite and the lock keep beside a history.
const BESIDE_A_HISTORY: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];
/// What a file is called until it is whole.
const BESIDE_A_FILE: [&str; 1] = [".new"];

/// What is written must be nothing that is also read, nor be written twice.
pub(super) fn check(config: &Path, settings: &Settings) -> Result<(), Failure> {
    let lists = [&settings.scope_files, &settings.target_files, &settings.exclude_files, &settings.fingerprints];
    let read = lists.into_iter().flatten().chain(&settings.suppress).chain(&settings.customers).map(PathBuf::as_path);
    // Each place with the file that it is kept for, where it is not that file's own.
    let mut taken: HashMap<PathBuf, Option<&Path>> = read.chain([config]).map(|path| (place(path), None)).collect();
    let folders: Vec<PathBuf> =
        settings.fingerprints.iter().map(|path| place(path)).filter(|path| path.is_dir()).collect();
    let history = (&settings.history, BESIDE_A_HISTORY.as_slice());
    let others = settings.outputs.iter().chain(&settings.heartbeat).map(|path| (path, BESIDE_A_FILE.as_slice()));
    for (path, suffixes) in [history].into_iter().chain(others) {
        check_folder(path)?;
        let own: HashSet<PathBuf> = [place(path), entry(path)].into();
        let kept_beside: HashSet<PathBuf> =
            own.iter().flat_map(|path| suffixes.iter().map(|suffix| beside(path, suffix))).collect();
        let name = path.display();
        let is_fingerprint = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "toml")
                && folders.iter().any(|folder| path.starts_with(folder))
        };
        let kept = |place: &Path, owner: &Path| {
            let (place, owner) = (place.display(), owner.display());
            let message = format!(
                "`{place}` is where rdprint keeps what belongs to `{owner}`, and is named itself; give one of them another name"
            );
            Err(Failure::usage(message))
        };
        if let Some(owner) = own.iter().find_map(|path| *taken.get(path)?) {
            return kept(path, owner);
        }
        if own.iter().any(|path| taken.contains_key(path) || is_fingerprint(path)) {
            let message = format!("`{name}` is to be written and is named a second time; give each file once");
            return Err(Failure::usage(message));
        }
        if let Some(other) = kept_beside.iter().find(|path| taken.contains_key(*path)) {
            return kept(other, path);
        }
        taken.extend(own.into_iter().map(|place| (place, None)));
        taken.extend(kept_beside.into_iter().map(|place| (place, Some(path.as_path()))));
    }
    Ok(())
}

/// A folder that is not there would be noticed only when a sweep is over.
fn check_folder(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Failure::usage(format!("the folder of `{}` does not exist; make it first", path.display())))
        }
        _ => Ok(()),
    }
}

/// The file that a path leads to, with all links followed.
fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| entry(path))
}

/// The name itself in its folder: a link that is renamed over, or a file that does not exist yet.
fn entry(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.clone(), |(folder, name)| folder.join(name))
}
