//! The operator's own images, as declared.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;

use super::seen::{OwnCertificate, label};

/// Names and certificates of images that the operator hands out itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnImages {
    names: BTreeSet<String>,
    hashes: BTreeSet<[u8; 32]>,
    serials: BTreeSet<[u8; 16]>,
}

/// A line that is neither a name nor a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} is neither a computer name nor a certificate (SHA-256 or serial number in hexadecimal): {text:?}")]
pub struct OwnImageError {
    /// Counted from 1.
    pub line: usize,
    text: String,
}

impl OwnImages {
    /// Reads one image a line: a computer name, or `sha256:` and a certificate's or key's SHA-256, or `serial:` and a
    /// serial number. What follows `#` is a comment.
    ///
    /// # Errors
    /// The first line that is none of these.
    pub fn parse(text: &str) -> Result<Self, OwnImageError> {
        let mut images = Self::default();
        for (position, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() && images.add(line).is_none() {
                return Err(OwnImageError { line: position + 1, text: line.chars().take(80).collect() });
            }
        }
        Ok(images)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let bytes = |hex: &str| {
            let hex: String = hex.chars().filter(|one| *one != ':' && !one.is_whitespace()).collect();
            HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()
        };
        if let Some(hash) = line.strip_prefix("sha256:") {
            self.hashes.insert(bytes(hash)?.try_into().ok()?);
        } else if let Some(serial) = line.strip_prefix("serial:") {
            self.serials.insert(bytes(serial)?.try_into().ok()?);
        } else {
            let name = label(line);
            let is_name = !name.is_empty() && name.len() <= 63 && !name.contains([' ', ':', '*', ',']);
            self.names.insert(is_name.then(|| name.to_ascii_uppercase())?);
        }
        Some(())
    }

    /// Whether the name is declared; in upper case.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether the certificate is declared.
    pub(super) fn has(&self, own: &OwnCertificate) -> bool {
        let hashes = [own.sha256, own.key];
        hashes.into_iter().flatten().any(|hash| self.hashes.contains(&hash))
            || own.serial.is_some_and(|serial| self.serials.contains(&serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_or_certificates() {
        let serial = "12".repeat(16);
        let text =
            format!("\u{feff}# ours\nwin-abc.example.com # 2024\n\nsha256:{}\nserial:{serial}\n", "0A".repeat(32));
        let images = OwnImages::parse(&text).unwrap();
        assert!(images.has_name("WIN-ABC") && !images.has_name("WIN-ABD"));
        let own = |key, serial| OwnCertificate { key, serial, ..OwnCertificate::default() };
        assert!(images.has(&own(Some([10; 32]), None)) && images.has(&own(None, Some([0x12; 16]))));
        assert!(!images.has(&own(None, None)) && !images.has(&own(Some([11; 32]), Some([0; 16]))));
    }

    #[test]
    fn other_lines_are_named() {
        for (text, line) in [("a b", 1), ("A\n\nsha256:12", 3), ("serial:xy", 1), ("*.example.com", 1), ("a,b,c", 1)] {
            assert_eq!(OwnImages::parse(text).unwrap_err().line, line, "{text}");
        }
        let long = OwnImages::parse(&"x".repeat(10_000)).unwrap_err();
        assert!(long.to_string().len() < 250);
    }
}
