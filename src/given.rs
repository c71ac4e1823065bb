//! Files that users give: read here, so that each of them is a file, and none of them takes all memory.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, ErrorKind, Read as _};
use std::path::Path;

/// No file that is read whole is longer.
const LONGEST_TEXT: usize = 16 << 20;
/// No line or row of a file that is read piece by piece is longer.
pub const LONGEST_LINE: usize = 64 << 10;

/// Opens what configures a run. A pipe may never say a word and a device may never end, so that neither is taken.
pub fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, since opening a pipe waits for whoever writes into it; and again for what was opened.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

fn check(found: &Metadata) -> io::Result<()> {
    let cause = match found.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "it is a folder; name a file",
        _ => "it is a pipe or a device, which may never end; put what it gives into a file",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, cause))
}

/// Reads a file whole.
pub fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(LONGEST_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST_TEXT {
        let cause = format!("it is longer than {} MiB, which no such file is", LONGEST_TEXT >> 20);
        return Err(io::Error::new(ErrorKind::InvalidData, cause));
    }
    String::from_utf8(bytes).map_err(|_| not_utf8())
}

/// Reads the next line, with its line break, into `room`; `None` at the end.
pub fn line<'a>(reader: &mut dyn BufRead, room: &'a mut Vec<u8>) -> io::Result<Option<&'a str>> {
    room.clear();
    reader.take(LONGEST_LINE as u64 + 1).read_until(b'\n', room)?;
    match room.len() {
        0 => Ok(None),
        length if length > LONGEST_LINE => {
            let cause = format!("a line is longer than {} KiB; is it another file?", LONGEST_LINE >> 10);
            Err(io::Error::new(ErrorKind::InvalidData, cause))
        }
        _ => std::str::from_utf8(room).map(Some).map_err(|_| not_utf8()),
    }
}

fn not_utf8() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it is not UTF-8; save it as such")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_handed_over_one_by_one_and_none_without_end() {
        let text = format!("a\n{}\n\nlast", "x".repeat(LONGEST_LINE - 1));
        let (mut reader, mut room, mut lengths) = (text.as_bytes(), Vec::new(), Vec::new());
        while let Some(line) = line(&mut reader, &mut room).unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [2, LONGEST_LINE, 1, 4]);
        let complaint = |bytes: &[u8]| line(&mut &*bytes, &mut Vec::new()).unwrap_err().to_string();
        assert!(complaint(&vec![0; LONGEST_LINE + 1]).starts_with("a line is longer than 64 KiB"));
        assert_eq!(complaint(b"\xFF\n"), "it is not UTF-8; save it as such");
    }

    #[test]
    fn only_files_are_read() {
        let folder = std::env::temp_dir();
        assert_eq!(text(&folder).unwrap_err().to_string(), "it is a folder; name a file");
        #[cfg(unix)]
        assert!(text(Path::new("/dev/zero")).unwrap_err().to_string().starts_with("it is a pipe or a device"));
        let path = folder.join(format!("rdprint-given-{}", std::process::id()));
        File::create(&path).unwrap().set_len(LONGEST_TEXT as u64 + 1).unwrap();
        let complaint = text(&path).unwrap_err().to_string();
        fs::remove_file(path).unwrap();
        assert!(complaint.starts_with("it is longer than 16 MiB"), "{complaint}");
    }
}
