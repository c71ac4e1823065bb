//! Rows of Zeek's logs, tab-separated with a header or JSON.

use std::borrow::Cow;
use std::io::{self, BufRead};

use serde::Deserialize;

use super::super::json::{List, Scalar};
use super::super::lines::{Line, Lines};
use super::super::recognise::top_level_keys;

/// The logs that are read, in the order that the joins need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Log {
    Rdp,
    Ssl,
    X509,
    Ntlm,
}

impl Log {
    /// Which log a file is, by its beginning.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let header = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name.as_bytes()));
        if let Some(path) = header("#path") {
            return Self::named(path.trim_ascii());
        }
        if let Some(fields) = header("#fields") {
            return Self::with(&fields.split(|byte| *byte == b'\t').collect::<Vec<_>>());
        }
        let objects = lines.iter().filter(|line| line.starts_with(b"{"));
        objects.take(8).find_map(|line| Self::named_in(line).or_else(|| Self::with(&top_level_keys(line))))
    }

    fn named(path: &[u8]) -> Option<Self> {
        match path {
            b"rdp" => Some(Self::Rdp),
            b"ssl" => Some(Self::Ssl),
            b"x509" => Some(Self::X509),
            b"ntlm" => Some(Self::Ntlm),
            _ => None,
        }
    }

    /// `_path`, which logs carry that are sent on as streams.
    fn named_in(line: &[u8]) -> Option<Self> {
        let row: Row<'_> = serde_json::from_slice(line).ok()?;
        Self::named(row.path.as_str()?.as_bytes())
    }

    fn with(fields: &[&[u8]]) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|name| fields.contains(&name.as_bytes()));
        if has(&["security_protocol", "client_dig_product_id", "encryption_level"]) {
            Some(Self::Rdp)
        } else if has(&["certificate.serial", "certificate.subject"]) {
            Some(Self::X509)
        } else if has(&["server_nb_computer_name", "server_dns_computer_name"]) {
            Some(Self::Ntlm)
        } else if has(&["cert_chain_fps", "cert_chain_fuids", "cipher"]) {
            Some(Self::Ssl)
        } else {
            None
        }
    }
}

macro_rules! fields {
    ($($field:ident $name:literal),* $(,)?) => {
        /// What is read of a row.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        pub(super) struct Row<'a> {
            $(#[serde(borrow, rename = $name)] pub(super) $field: Scalar<'a>,)*
            #[serde(borrow)] pub(super) cert_chain_fps: List<Scalar<'a>>,
            #[serde(borrow)] pub(super) cert_chain_fuids: List<Scalar<'a>>,
            #[serde(borrow, rename = "san.dns")] pub(super) san_dns: List<Scalar<'a>>,
        }

        impl<'a> Row<'a> {
            fn set(&mut self, name: &str, value: Cow<'a, str>) {
                match name {
                    $($name => self.$field = Scalar(Some(value)),)*
                    "cert_chain_fps" => self.cert_chain_fps = list(&value),
                    "cert_chain_fuids" => self.cert_chain_fuids = list(&value),
                    "san.dns" => self.san_dns = list(&value),
                    _ => {}
                }
            }
        }

        const NAMES: &[&str] = &[$($name,)* "cert_chain_fps", "cert_chain_fuids", "san.dns"];
    };
}

fields! {
    path "_path", ts "ts", uid "uid", resp_h "id.resp_h", resp_p "id.resp_p",
    result "result", security_protocol "security_protocol", cert_type "cert_type", encryption_level "encryption_level",
    version "version", cipher "cipher", curve "curve",
    fingerprint "fingerprint", id "id", cert "cert", serial "certificate.serial", subject "certificate.subject",
    issuer "certificate.issuer", not_before "certificate.not_valid_before", not_after "certificate.not_valid_after",
    key_alg "certificate.key_alg", sig_alg "certificate.sig_alg", key_length "certificate.key_length",
    nb_computer_name "server_nb_computer_name", dns_computer_name "server_dns_computer_name",
    tree_name "server_tree_name",
}

fn list<'a>(value: &str) -> List<Scalar<'a>> {
    List(value.split(',').map(|item| Scalar(Some(Cow::Owned(unescape(item).into_owned())))).collect())
}

/// Why there is no row.
pub(super) enum RowError {
    TooLong,
    /// The row is none; a sentence.
    Row(String),
    /// The header of another log stands in the middle.
    OtherLog,
    Io(io::Error),
}

/// The rows of one log.
pub(super) struct Rows {
    lines: Lines,
    log: Log,
    separator: u8,
    /// The name of each column that is read.
    columns: Vec<Option<&'static str>>,
}

impl Rows {
    pub(super) fn of(reader: Box<dyn BufRead>, log: Log) -> Self {
        Self { lines: Lines::of(reader), log, separator: b'\t', columns: Vec::new() }
    }

    /// The number of the line that comes next.
    pub(super) fn next_line(&self) -> u64 {
        self.lines.number + 1
    }

    /// The next row and the bytes that it takes; an empty row for lines that are none.
    pub(super) fn next(&mut self) -> Result<Option<(Row<'_>, usize)>, RowError> {
        let Self { lines, log, separator, columns } = self;
        let line = match lines.next().map_err(RowError::Io)? {
            Line::End => return Ok(None),
            Line::TooLong => return Err(RowError::TooLong),
            Line::Whole(line) => line,
        };
        let length = line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"{") {
            let row =
                serde_json::from_slice(line).map_err(|error| RowError::Row(format!("is no JSON object: {error}")))?;
            return Ok(Some((row, length)));
        }
        if line.starts_with(b"#") {
            header(line, *log, separator, columns)?;
            return Ok(Some((Row::default(), 0)));
        }
        if line.is_empty() {
            return Ok(Some((Row::default(), 0)));
        }
        let text = str::from_utf8(line).map_err(|_| RowError::Row("is not UTF-8".to_owned()))?;
        let cells = text.split(char::from(*separator));
        let found = cells.clone().count();
        if columns.is_empty() {
            return Err(RowError::Row("stands before any `#fields`, and is no JSON object".to_owned()));
        }
        if found != columns.len() {
            return Err(RowError::Row(format!("has {found} cells, and `#fields` names {}", columns.len())));
        }
        let mut row = Row::default();
        for (name, cell) in columns.iter().zip(cells) {
            if let Some(name) = name.filter(|_| cell != "-" && cell != "(empty)") {
                let is_list = matches!(name, "cert_chain_fps" | "cert_chain_fuids" | "san.dns");
                // The elements of a list are unescaped one by one, since a comma may be escaped.
                row.set(name, if is_list { Cow::Borrowed(cell) } else { unescape(cell) });
            }
        }
        Ok(Some((row, length)))
    }
}

fn header(line: &[u8], log: Log, separator: &mut u8, columns: &mut Vec<Option<&'static str>>) -> Result<(), RowError> {
    if let Some(written) = line.strip_prefix(b"#separator ") {
        let text = String::from_utf8_lossy(written);
        if let [byte] = unescape(text.trim()).as_bytes() {
            *separator = *byte;
        }
    } else if let Some(fields) = line.strip_prefix(b"#fields") {
        let known = |name: &[u8]| NAMES.iter().find(|known| known.as_bytes() == name).copied();
        *columns = fields.split(|byte| byte == separator).skip(1).map(known).collect();
    } else if let Some(path) = line.strip_prefix(b"#path")
        && Log::named(path.trim_ascii()) != Some(log)
    {
        return Err(RowError::OtherLog);
    }
    Ok(())
}

/// Undoes `\xNN`, by which Zeek writes what is no plain text.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("\\x") {
        return Cow::Borrowed(text);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(b"\\x"),
        }
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
