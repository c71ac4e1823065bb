//! What is held of one log until the others have been read.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::super::facts::{
    Doubts, Stated, address, distinguished_name, epoch, imported, port, reported, set_stage, time,
};
use super::super::json::Scalar;
use super::super::{Flow, Item, Loss, Reading, chain};
use super::TOOL;
use super::row::Row;
use crate::observe::{Anomaly, Certificate, Hex, Ntlm, Observation, Tls, X224, X224Answer};
use crate::proto::x224::failure_name;

/// How many bytes of log lines are held at once; with what it takes to find them again, about three times as much
/// memory.
const MAX_HELD: usize = 256 << 20;

/// What a held row costs beside its text.
const OVERHEAD: usize = 512;

/// A name that a host gave itself longer ago than this may be another host's by now.
const SAME_HOST: SignedDuration = SignedDuration::from_hours(1);

/// Connections of rdp.log that wait for the other logs.
pub(super) struct Join {
    /// Whether there are other logs to wait for.
    waits: bool,
    held: usize,
    has_told_of_limit: bool,
    files: Vec<Rc<str>>,
    connections: Vec<Connection>,
    by_uid: HashMap<String, usize>,
    /// Certificates that some connection showed, by fingerprint or file identifier.
    certificates: HashMap<String, Option<(Certificate, Vec<Anomaly>)>>,
    /// Names of servers, by when they said them.
    names: HashMap<IpAddr, BTreeMap<Timestamp, Ntlm>>,
}

struct Connection {
    file: Rc<str>,
    line: u64,
    ip: IpAddr,
    port: u16,
    at: Timestamp,
    x224: X224,
    tls: Option<Tls>,
    /// Where the certificate is to be found.
    certificate: Option<String>,
}

impl Join {
    pub(super) fn new(waits: bool) -> Self {
        Self {
            waits,
            held: 0,
            has_told_of_limit: false,
            files: Vec::new(),
            connections: Vec::new(),
            by_uid: HashMap::new(),
            certificates: HashMap::new(),
            names: HashMap::new(),
        }
    }

    pub(super) fn begin_file(&mut self, name: &str) {
        self.files.push(name.into());
    }

    /// Whether there is room for a row; says once when there is none.
    fn has_room(&mut self, length: usize, line: u64, reading: &mut Reading<'_>) -> std::ops::ControlFlow<(), bool> {
        let needed = length + OVERHEAD;
        if self.held + needed <= MAX_HELD {
            self.held += needed;
            return std::ops::ControlFlow::Continue(true);
        }
        if !std::mem::replace(&mut self.has_told_of_limit, true) {
            let what = format!(
                "more than {} MiB of log lines would have to be held to join the logs; from here on they are not \
                 joined: give the logs of a shorter time",
                MAX_HELD >> 20
            );
            reading.problem(line, Loss::Value, what)?;
        }
        std::ops::ControlFlow::Continue(false)
    }

    /// A row of rdp.log.
    pub(super) fn connection(&mut self, row: &Row<'_>, line: u64, length: usize, reading: &mut Reading<'_>) -> Flow {
        if length == 0 {
            return Flow::Continue(());
        }
        let Some(x224) = x224(row) else { return reading.passed_over(&[]) };
        let Some(ip) = address(row.resp_h.or_empty()) else {
            return reading.lost(line, "has no IP address in `id.resp_h`");
        };
        let Some(port) = port(row.resp_p.or_empty()) else {
            return reading.lost(line, "has no TCP port in `id.resp_p`");
        };
        let at = moment(row);
        if at.is_none() {
            reading.problem(line, Loss::Value, "has no time in `ts`; it is given as 1970")?;
        }
        let at = at.unwrap_or(Timestamp::UNIX_EPOCH);
        let file = self.files.last().cloned().unwrap_or_else(|| reading.name.into());
        let connection = Connection { file, line, ip, port, at, x224, tls: None, certificate: None };
        if !self.waits || !self.has_room(length, line, reading)? {
            return reading.seen(connection.into_observation(), &[]);
        }
        if let Some(uid) = row.uid.text() {
            self.by_uid.insert(uid, self.connections.len());
        }
        self.names.entry(ip).or_default();
        self.connections.push(connection);
        Flow::Continue(())
    }

    /// A row of ssl.log.
    pub(super) fn tls(&mut self, row: &Row<'_>, line: u64, length: usize, reading: &mut Reading<'_>) -> Flow {
        let known = row.uid.as_str().and_then(|uid| self.by_uid.get(uid)).copied();
        if known.is_none() || !self.has_room(length, line, reading)? {
            return Flow::Continue(());
        }
        let Some(connection) = known.and_then(|position| self.connections.get_mut(position)) else {
            return Flow::Continue(());
        };
        connection.tls = Some(Tls {
            version: row.version.as_str().map(version_word),
            cipher_suite: row.cipher.text(),
            key_exchange_group: row.curve.text(),
            ..Tls::default()
        });
        let chain = if row.cert_chain_fps.0.is_empty() { &row.cert_chain_fuids.0 } else { &row.cert_chain_fps.0 };
        connection.certificate = chain.first().and_then(Scalar::text);
        if let Some(key) = connection.certificate.clone() {
            self.certificates.entry(key).or_default();
        }
        Flow::Continue(())
    }

    /// A row of x509.log.
    pub(super) fn certificate(&mut self, row: &Row<'_>, line: u64, length: usize, reading: &mut Reading<'_>) -> Flow {
        let keys = [row.fingerprint.as_str(), row.id.as_str()];
        let is_wanted = |key: &&str| self.certificates.get(*key).is_some_and(Option::is_none);
        let Some(key) = keys.into_iter().flatten().find(is_wanted) else { return Flow::Continue(()) };
        if !self.has_room(length, line, reading)? {
            return Flow::Continue(());
        }
        let (mut doubts, mut anomalies) = (Doubts::default(), Vec::new());
        let certificate = certificate(row, &mut doubts, &mut anomalies);
        self.certificates.insert(key.to_owned(), Some((certificate, anomalies)));
        reading.doubts(line, doubts.0)
    }

    /// A row of ntlm.log.
    pub(super) fn names(&mut self, row: &Row<'_>, line: u64, length: usize, reading: &mut Reading<'_>) -> Flow {
        let host = address(row.resp_h.or_empty()).filter(|ip| self.names.contains_key(ip));
        let Some((host, at)) = host.zip(moment(row)) else { return Flow::Continue(()) };
        let ntlm = Ntlm {
            netbios_computer_name: row.nb_computer_name.text(),
            dns_computer_name: row.dns_computer_name.text(),
            dns_tree_name: row.tree_name.text(),
            ..Ntlm::default()
        };
        if ntlm == Ntlm::default() || !self.has_room(length, line, reading)? {
            return Flow::Continue(());
        }
        if let Some(names) = self.names.get_mut(&host) {
            names.insert(at, ntlm);
        }
        Flow::Continue(())
    }

    /// Hands over every connection with what the other logs said of it.
    pub(super) fn finish(self, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Flow {
        let Self { connections, certificates, names, .. } = self;
        for connection in connections {
            let found = connection.certificate.as_ref().and_then(|key| certificates.get(key)?.clone());
            let ntlm = names.get(&connection.ip).and_then(|names| nearest(names, connection.at)).cloned();
            let mut seen = connection.into_observation();
            if let (Some(tls), Some((certificate, anomalies))) = (&mut seen.tls, found) {
                tls.certificates.push(certificate);
                seen.note(anomalies);
            }
            set_stage(&mut seen);
            // These names came by another protocol, so they say nothing of how far the RDP dialogue went.
            seen.ntlm = ntlm;
            take(Item::Seen { observation: seen, row: &[] })?;
        }
        Flow::Continue(())
    }
}

impl Connection {
    fn into_observation(self) -> Observation {
        let source = format!("{TOOL}:{}:{}", self.file, self.line);
        let mut seen = imported(self.ip, self.port, self.at, source, TOOL.to_owned());
        seen.x224 = Some(self.x224);
        seen.tls = self.tls;
        set_stage(&mut seen);
        seen
    }
}

/// What the server answered; nothing where only the client's part was seen.
fn x224(row: &Row<'_>) -> Option<X224> {
    if let Some(selected) = row.security_protocol.as_str() {
        return Some(X224 {
            answer: Some(X224Answer::NegotiationResponse),
            selected_protocol: Some(selected.to_ascii_lowercase()),
            ..X224::default()
        });
    }
    if let Some(code) = row.result.as_str().and_then(|result| (1..=6).find(|code| failure_name(*code) == Some(result)))
    {
        return Some(X224 {
            answer: Some(X224Answer::NegotiationFailure),
            failure_code: Some(code),
            ..X224::default()
        });
    }
    let servers = [&row.result, &row.cert_type, &row.encryption_level];
    servers.iter().any(|field| field.as_str().is_some()).then(reported)
}

fn moment(row: &Row<'_>) -> Option<Timestamp> {
    let text = row.ts.as_str()?;
    epoch(text).or_else(|| time(text))
}

/// `TLSv12` → `TLSv1.2`.
fn version_word(version: &str) -> String {
    match version.strip_prefix("TLSv1") {
        Some(minor) if minor.len() == 1 => format!("TLSv1.{minor}"),
        _ => version.to_owned(),
    }
}

fn nearest(names: &BTreeMap<Timestamp, Ntlm>, at: Timestamp) -> Option<&Ntlm> {
    let before = names.range(..=at).next_back();
    let after = names.range(at..).next();
    let distance = |found: &(&Timestamp, &Ntlm)| at.duration_since(*found.0).abs();
    let found = [before, after].into_iter().flatten().min_by_key(distance)?;
    (distance(&found) <= SAME_HOST).then_some(found.1)
}

fn certificate(row: &Row<'_>, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Certificate {
    // Zeek's hash is SHA-256 unless it was configured otherwise; the length tells.
    let hash = |length: usize| -> Option<Hex> {
        row.fingerprint.as_str().and_then(super::super::facts::hex).filter(|hash| hash.0.len() == length)
    };
    let stated = Stated { sha256: hash(32), sha1: hash(20), md5: hash(16) };
    if let Some(der) = doubts.read("cert", row.cert.or_empty(), chain::from_base64)
        && let Some(certificate) = chain::certificates([der], &stated, anomalies).pop()
    {
        return certificate;
    }
    // OpenSSL prints names by RFC 2253, the last part first.
    let (subject_cn, subject) = distinguished_name(row.subject.or_empty(), true);
    let (issuer_cn, issuer) = distinguished_name(row.issuer.or_empty(), true);
    let mut moment = |name, text: &str| doubts.read(name, text, |text| epoch(text).or_else(|| time(text)));
    let not_before = moment("certificate.not_valid_before", row.not_before.or_empty());
    let not_after = moment("certificate.not_valid_after", row.not_after.or_empty());
    Certificate {
        sha256: stated.sha256,
        sha1: stated.sha1,
        md5: stated.md5,
        subject,
        issuer,
        subject_cn,
        issuer_cn,
        serial_number: doubts.serial("certificate.serial", row.serial.or_empty()),
        not_before,
        not_after,
        signature_algorithm: row.sig_alg.text(),
        public_key_algorithm: row.key_alg.text(),
        public_key_bits: row.key_length.or_empty().parse().ok(),
        subject_alternative_names: row
            .san_dns
            .0
            .iter()
            .filter_map(Scalar::text)
            .map(|name| format!("DNS:{name}"))
            .collect(),
        ..Certificate::default()
    }
}
