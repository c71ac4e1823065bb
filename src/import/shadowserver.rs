//! Shadowserver's Accessible RDP report (`scan_rdp`, `scan6_rdp`): CSV, its columns known by their names only, because
//! their order has changed over the years.
//!
//! Not kept: `rdp_protocol`, because the feed says `RDP` of servers that plainly speak TLS; and `ssl_version`, which is
//! the certificate's version counted from nought in some years.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::csv_rows::{CsvRows, Row};
use super::facts::{Doubts, address, imported, is_known, lossy, port, reported, set_stage, text};
use super::input::Input;
use super::{Flow, ImportError, Item, Loss, Reading};
use crate::observe::{Certificate, Tls};

const TOOL: &str = "shadowserver";

macro_rules! columns {
    ($($name:ident),* $(,)?) => {
        /// Where each column stands in this file.
        #[derive(Default)]
        struct Columns {
            $($name: Option<usize>,)*
        }

        impl Columns {
            fn of<'a>(header: impl Iterator<Item = &'a [u8]>) -> Self {
                let mut columns = Self::default();
                for (position, name) in header.enumerate() {
                    match name {
                        $(name if name == stringify!($name).as_bytes() => columns.$name = Some(position),)*
                        _ => {}
                    }
                }
                columns
            }
        }
    };
}

columns! {
    timestamp, ip, port, tag, rdp_protocol, handshake, subject_common_name, issuer_common_name, cert_issue_date,
    cert_expiration_date, sha1_fingerprint, sha256_fingerprint, md5_fingerprint, cert_serial_number,
    signature_algorithm, key_algorithm, tlsv13_cipher, bluekeep_vulnerable,
}

pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    let Input { name, reader, .. } = input;
    let mut rows = CsvRows::of(reader);
    let mut reading = Reading { name: &name, take };
    if let ControlFlow::Break(flow) = rows.read_header(&mut reading) {
        return Ok(flow);
    }
    let columns = Columns::of(rows.cells());
    for (column, position) in [("ip", columns.ip), ("port", columns.port)] {
        if position.is_none() {
            return Err(ImportError::Column(name.clone(), column, "no row names an endpoint"));
        }
    }
    Ok(read_rows(&mut rows, &columns, &mut reading))
}

fn read_rows(rows: &mut CsvRows, columns: &Columns, reading: &mut Reading<'_>) -> Flow {
    let width = rows.len();
    (reading.take)(Item::Header { row: &rows.raw })?;
    if columns.timestamp.is_none() {
        reading.problem(1, Loss::Value, "has no column `timestamp`; times are given as 1970")?;
    }
    loop {
        match rows.next_of(width) {
            Ok(Row::End) => return Flow::Continue(()),
            Ok(Row::TooLong) => reading.too_long(rows.line)?,
            Ok(Row::Misfit(what)) => reading.lost(rows.line, what)?,
            Ok(Row::Whole) => read_row(rows, columns, reading)?,
            Err(error) => return reading.broken(rows.line, &error),
        }
    }
}

fn read_row(rows: &CsvRows, columns: &Columns, reading: &mut Reading<'_>) -> Flow {
    let cell = |column: Option<usize>| lossy(column.map_or(&[], |position| rows.cell(position)));
    let Some(ip) = address(&cell(columns.ip)) else { return reading.lost(rows.line, "has no IP address in `ip`") };
    let Some(port) = port(&cell(columns.port)) else { return reading.lost(rows.line, "has no TCP port in `port`") };
    let mut doubts = Doubts::default();
    let seen_at = doubts.time("timestamp", &cell(columns.timestamp));
    if seen_at.is_none() && doubts.0.is_empty() && columns.timestamp.is_some() {
        doubts.0.push("has no `timestamp`; its time is given as 1970".to_owned());
    }
    let source = format!("{TOOL}:{}:{}", reading.name, rows.line);
    let mut seen = imported(ip, port, seen_at.unwrap_or(Timestamp::UNIX_EPOCH), source, TOOL.to_owned());
    // The feed of all TLS servers has the same columns, but for these.
    let is_rdp = columns.rdp_protocol.is_some()
        || columns.bluekeep_vulnerable.is_some()
        || cell(columns.tag).split(';').any(|tag| tag == "rdp");
    seen.x224 = is_rdp.then(reported);
    let certificate = Certificate {
        sha256: doubts.hash("sha256_fingerprint", &cell(columns.sha256_fingerprint), 32),
        sha1: doubts.hash("sha1_fingerprint", &cell(columns.sha1_fingerprint), 20),
        md5: doubts.hash("md5_fingerprint", &cell(columns.md5_fingerprint), 16),
        subject_cn: text(&cell(columns.subject_common_name)),
        issuer_cn: text(&cell(columns.issuer_common_name)),
        serial_number: doubts.serial("cert_serial_number", &cell(columns.cert_serial_number)),
        not_before: doubts.time("cert_issue_date", &cell(columns.cert_issue_date)),
        not_after: doubts.time("cert_expiration_date", &cell(columns.cert_expiration_date)),
        signature_algorithm: text(&cell(columns.signature_algorithm)),
        public_key_algorithm: text(&cell(columns.key_algorithm)),
        ..Certificate::default()
    };
    let version =
        text(&cell(columns.handshake)).filter(|version| version.starts_with("TLS") || version.starts_with("SSL"));
    let cipher_suite = text(&cell(columns.tlsv13_cipher)).filter(|_| version.as_deref() == Some("TLSv1.3"));
    if is_known(&certificate) || version.is_some() {
        let certificates = is_known(&certificate).then_some(certificate).into_iter().collect();
        seen.tls = Some(Tls { version, cipher_suite, certificates, ..Tls::default() });
    }
    set_stage(&mut seen);
    reading.doubts(rows.line, doubts.0)?;
    reading.seen(seen, &rows.raw)
}
