//! From a path to bytes: gzip and zstd undone, a byte order mark dropped, the beginning kept to be recognised by.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use super::ImportError;

/// How much of a file is looked at to recognise it. Long first lines are common: base64 certificates.
const HEAD: usize = 64 << 10;

const BUFFER: usize = 128 << 10;

/// An open file, at its beginning.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) reader: Box<dyn BufRead>,
    /// The first bytes, which `reader` will give again.
    pub(super) head: Vec<u8>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let name = path.display().to_string();
        let raw: Box<dyn Read> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(|error| ImportError::Open(name.clone(), error))?)
        };
        Self::of(name, raw)
    }

    pub(super) fn of(name: String, raw: impl Read + 'static) -> Result<Self, ImportError> {
        let unreadable = |error| ImportError::Open(name.clone(), error);
        let mut raw: Box<dyn BufRead> = Box::new(BufReader::with_capacity(BUFFER, raw));
        let magic = peek(&mut raw, 4).map_err(unreadable)?;
        let raw = again(magic.clone(), raw);
        let mut reader: Box<dyn BufRead> = match magic.as_slice() {
            [0x1F, 0x8B, ..] => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            [0x28, 0xB5, 0x2F, 0xFD] | [0x50..=0x5F, 0x2A, 0x4D, 0x18] => {
                Box::new(BufReader::with_capacity(BUFFER, Zstd { decoder: FrameDecoder::new(), source: raw }))
            }
            _ => raw,
        };
        // What cannot be decompressed is met again, and named with its place, when the file is read.
        let mut head = peek(&mut reader, HEAD).map_err(|error| ImportError::Open(name.clone(), error))?;
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            return Err(ImportError::Utf16(name));
        }
        if head.starts_with(b"\xEF\xBB\xBF") {
            head.drain(..3);
        }
        Ok(Self { name, reader: again(head.clone(), reader), head })
    }
}

/// The next bytes, as many as there are up to `length`; those before damage where some can be had.
fn peek(reader: &mut dyn BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < length {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) if !head.is_empty() => break,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        let taken = available.len().min(length - head.len());
        head.extend_from_slice(available.get(..taken).unwrap_or_default());
        reader.consume(taken);
    }
    Ok(head)
}

fn again(head: Vec<u8>, reader: Box<dyn BufRead>) -> Box<dyn BufRead> {
    Box::new(Cursor::new(head).chain(reader))
}

/// Zstandard frames one after the other, those to be skipped among them (RFC 8878, section 3.1).
struct Zstd {
    decoder: FrameDecoder,
    source: Box<dyn BufRead>,
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if !self.decoder.is_finished() {
                self.decoder.decode_blocks(&mut self.source, UptoBlocks(1)).map_err(|error| damaged(&error))?;
                continue;
            }
            let sums = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if sums.0.is_some() && sums.0 != sums.1 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "damaged zstd: its checksum is another one"));
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {}
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let mut content = (&mut self.source).take(length.into());
                    if io::copy(&mut content, &mut io::sink())? < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged zstd: {error}"))
}
