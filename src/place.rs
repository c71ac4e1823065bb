//! Names of files: given to what is whole, and never taken from another.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is behind the name of a file that is not whole yet.
const ENDINGS: [&str; 2] = [".new", ".partial"];
/// So many links may lead to one another.
const LINKS: usize = 40;

/// Gives a file that is whole the name that it is to have, unless something has that name: then that stays, the error is
/// [`ErrorKind::AlreadyExists`], and the file keeps its own. What it says must be on the disk already.
pub fn give_name(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        // Whoever opened it by its name in the meantime may have taken the other one away.
        Ok(()) => remove(file)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // Some file systems have no links; then the name is taken first.
        Err(_) => File::create_new(name).and_then(|_claimed| fs::rename(file, name))?,
    }
    // The name shall survive the power as well; where a folder cannot be opened, the system sees to it.
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _best_effort = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The one name of a file, whatever links lead there; it need not be there yet, only its folder.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(target) = fs::read_link(&path) else {
            let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
            return Ok(folder.canonicalize()?.join(name));
        };
        path = folder.join(target);
    }
    Err(io::Error::other("too many links lead to one another"))
}

/// How many names a file has, were what is left of [`give_name`] taken away: killed in the middle it leaves two.
#[cfg(unix)]
pub fn names(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let path = path.canonicalize()?;
    // These first: in the meantime one may go, and none can come while the file has its name.
    let left = u64::try_from(unfinished(&path).count()).unwrap_or_default();
    Ok(path.metadata()?.nlink().saturating_sub(left))
}

/// The names that this file had before it was whole, as far as it has them still.
pub fn unfinished(path: &Path) -> impl Iterator<Item = PathBuf> {
    let is_same = move |name: &PathBuf| {
        // No link, which would be no other name of the file.
        name.symlink_metadata().is_ok_and(|file| file.is_file()) && same_file::is_same_file(name, path).unwrap_or(false)
    };
    ENDINGS.map(|ending| beside(path, ending)).into_iter().filter(is_same)
}

/// The name with this behind it: `history.db` and `.lock` are `history.db.lock`.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
