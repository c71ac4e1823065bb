//! What a letter says, as values for a template. Every text that a host, a file or a customer list brought in is made
//! visible here, so that no template can let it through.

use std::net::IpAddr;

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Case, Owner};
use crate::fingerprint::{Class, Confidence, Fingerprint, Match, Side, Source};
use crate::observe::{KeyPossession, Observation};
use crate::visible::visible;

/// Columns of base64 in a letter, as RFC 2045 has them.
const BASE64_COLUMNS: usize = 76;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The organisation.
    pub org: String,
    /// Its address for mail.
    pub contact: String,
}

/// Everything that letters and reports on one case are made of.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The case.
    pub case: &'a Case,
    /// Whose address it is.
    pub owner: Owner<'a>,
    /// The last look, which still showed it.
    pub observation: &'a Observation,
    /// The match of the case's fingerprint.
    pub found: &'a Match,
    /// The fingerprint.
    pub fingerprint: &'a Fingerprint,
    /// Who writes.
    pub sender: &'a Sender,
    /// At how many addresses the image was counted, if it was.
    pub addresses: Option<u64>,
    /// The time of writing.
    pub now: Timestamp,
    /// By when an answer is asked for.
    pub reply_by: Option<Date>,
    /// What our connections call themselves (`mstshash`), if it is known.
    pub cookie: Option<&'a str>,
    /// The addresses that we look from, if they are to be told.
    pub looked_from: &'a [IpAddr],
}

/// The values of a letter; docs/cases.md tells what they mean.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Values {
    pub(super) class: Class,
    confidence: Confidence,
    case: i64,
    date: String,
    reply_by: Option<String>,
    sender: From,
    customer: Customer,
    ip: IpAddr,
    port: u16,
    endpoint: String,
    first_seen: String,
    last_seen: String,
    image: String,
    shows: &'static str,
    source: String,
    sources: Vec<String>,
    reports: Vec<Report>,
    own_wording: Option<String>,
    addresses: Option<u64>,
    computer_name: Option<String>,
    build: Option<u32>,
    agrees: Vec<&'static str>,
    key_proven: bool,
    cookie: Option<String>,
    looked_from: Vec<IpAddr>,
    evidence: Vec<Piece>,
    certificate: Option<Certificate>,
    raw: Vec<Raw>,
}

#[derive(Clone, Debug, Serialize)]
struct From {
    org: String,
    contact: String,
    /// The contact, if it may stand in a link as it is.
    mailto: Option<String>,
}

/// A source that a receiver can look up.
#[derive(Clone, Debug, Serialize)]
struct Report {
    publisher: String,
    date: Option<String>,
    title: String,
    url: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Customer {
    id: String,
    contact: String,
}

/// One fact that speaks for or against the match.
#[derive(Clone, Debug, Serialize)]
struct Piece {
    side: Side,
    field: String,
    value: String,
}

#[derive(Clone, Debug, Serialize)]
struct Certificate {
    subject: Option<String>,
    serial_number: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    sha256: Option<String>,
    sha1: Option<String>,
    spki_sha256: Option<String>,
}

/// Bytes as they came.
#[derive(Clone, Debug, Serialize)]
struct Raw {
    /// `certificate`, `ntlm-challenge`, `x224-confirm`.
    what: &'static str,
    bytes: usize,
    sha256: String,
    base64: Vec<String>,
}

/// `2026-11-22 09:10:11 UTC`.
fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn seen(text: &str) -> String {
    visible(text).into_owned()
}

impl Values {
    pub(super) fn new(told: &Told<'_>, language: &str) -> Self {
        let Told { case, owner, observation, found, fingerprint, sender, addresses, now, .. } = *told;
        let pieces = found.evidence.iter().flat_map(|piece| {
            piece.facts.iter().map(|(field, value)| Piece { side: piece.side, field: seen(field), value: seen(value) })
        });
        let sources: Vec<&Source> = fingerprint.sources.iter().filter(|source| source.in_letters).collect();
        Self {
            class: found.class,
            confidence: found.confidence,
            case: case.id,
            date: now.strftime("%Y-%m-%d").to_string(),
            reply_by: told.reply_by.map(|day| day.to_string()),
            sender: From {
                org: seen(&sender.org),
                contact: seen(&sender.contact),
                mailto: is_plain(&sender.contact).then(|| sender.contact.clone()),
            },
            customer: Customer { id: seen(owner.customer_id), contact: seen(owner.contact) },
            ip: observation.ip,
            port: observation.port,
            endpoint: case.binding.endpoint.to_string(),
            first_seen: moment(case.first_seen.at),
            last_seen: moment(observation.seen_at),
            image: seen(&fingerprint.name),
            shows: fingerprint.shows(),
            source: sources.first().map_or_else(String::new, |source| seen(&source.to_string())),
            sources: sources.iter().map(|source| seen(&source.citation())).collect(),
            reports: sources.into_iter().map(Report::new).collect(),
            own_wording: fingerprint.own_wording(language).map(|text| seen(&text)),
            // One address is no number to speak of.
            addresses: addresses.filter(|count| *count > 1),
            computer_name: observation.computer_name().map(seen),
            build: observation.ntlm_build(),
            agrees: agrees(found),
            key_proven: observation.tls.as_ref().is_some_and(|tls| tls.key_possession == KeyPossession::Proven),
            cookie: told.cookie.map(seen),
            looked_from: told.looked_from.to_vec(),
            evidence: pieces.collect(),
            certificate: certificate(observation),
            raw: raw(observation).map(|(what, bytes)| Raw::new(what, bytes)).collect(),
        }
    }
}

/// Whether an address for mail means itself in a link.
fn is_plain(contact: &str) -> bool {
    contact.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.+-_".contains(&byte))
}

/// The fields of what speaks for a match.
fn facts_for(found: &Match) -> impl Iterator<Item = &str> {
    let pieces = found.evidence.iter().filter(|piece| piece.side == Side::For);
    pieces.flat_map(|piece| piece.facts.keys().map(String::as_str))
}

/// What agrees with the image, in the words that docs/cases.md lists and in their order.
fn agrees(found: &Match) -> Vec<&'static str> {
    let signs: Vec<&str> = facts_for(found).filter_map(sign).collect();
    let has = |sign: &str| signs.contains(&sign);
    // The form of a certificate that is the image's own says nothing more.
    let agrees = SIGNS.into_iter().filter(|sign| has(sign) && !(*sign == "certificate-form" && has("certificate")));
    let agrees: Vec<&str> = agrees.collect();
    // Whatever matched showed something.
    if agrees.is_empty() { vec!["marks"] } else { agrees }
}

const SIGNS: [&str; 5] = ["name", "certificate", "build", "certificate-form", "marks"];

/// What a field is a sign of; who holds a key is told apart.
fn sign(field: &str) -> Option<&'static str> {
    Some(match field {
        "key_possession" => return None,
        "computer_name"
        | "cert_subject_cn"
        | "ntlm_dns_computer_name"
        | "ntlm_netbios_computer_name"
        | "ntlm_target_name" => "name",
        "cert_sha256" | "cert_sha1" | "cert_spki_sha256" => "certificate",
        "ntlm_build" | "ntlm_product_version" => "build",
        "windows_rdp_certificate" => "certificate-form",
        _ => "marks",
    })
}

impl Report {
    fn new(source: &Source) -> Self {
        Self {
            publisher: seen(&source.publisher.to_string()),
            date: source.date.as_ref().map(ToString::to_string),
            title: seen(&source.title.to_string()),
            url: source.url.as_ref().map(|url| seen(&url.to_string())),
        }
    }
}

fn certificate(observation: &Observation) -> Option<Certificate> {
    let leaf = observation.leaf()?;
    let hex = |hash: &Option<crate::observe::Hex>| hash.as_ref().map(ToString::to_string);
    Some(Certificate {
        subject: leaf.subject.as_deref().map(seen),
        serial_number: hex(&leaf.serial_number),
        not_before: leaf.not_before.map(moment),
        not_after: leaf.not_after.map(moment),
        sha256: hex(&leaf.sha256),
        sha1: hex(&leaf.sha1),
        spki_sha256: hex(&leaf.spki_sha256),
    })
}

/// The bytes that the verdict rests on, by names that letters and reports share.
pub(super) fn raw(observation: &Observation) -> impl Iterator<Item = (&'static str, &[u8])> {
    let certificate = observation.leaf().and_then(|leaf| leaf.der.as_ref()).map(|der| ("certificate", &*der.0));
    let challenge = observation.ntlm.as_ref().and_then(|ntlm| ntlm.raw.as_ref());
    let confirm = observation.x224.as_ref().and_then(|x224| x224.raw.as_ref());
    let challenge = challenge.map(|raw| ("ntlm-challenge", &*raw.0));
    let confirm = confirm.map(|raw| ("x224-confirm", &*raw.0));
    [certificate, challenge, confirm].into_iter().flatten()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

impl Raw {
    fn new(what: &'static str, bytes: &[u8]) -> Self {
        let base64 = BASE64.encode(bytes);
        let mut lines = Vec::new();
        let mut rest = base64.as_str();
        while let Some((line, after)) = rest.split_at_checked(BASE64_COLUMNS) {
            lines.push(line.to_owned());
            rest = after;
        }
        if !rest.is_empty() {
            lines.push(rest.to_owned());
        }
        Self { what, bytes: bytes.len(), sha256: sha256(bytes), base64: lines }
    }
}

#[cfg(test)]
mod tests {
    use super::{agrees, is_plain};
    use crate::fingerprint::{Class, Confidence, Evidence, Match, Side};

    fn found(fields: &[&str], against: &[&str]) -> Match {
        let piece = |side, field: &&str| Evidence {
            side,
            condition: String::new(),
            facts: [((*field).to_owned(), "x".to_owned())].into(),
        };
        let evidence = fields.iter().map(|field| piece(Side::For, field));
        let evidence = evidence.chain(against.iter().map(|field| piece(Side::Against, field)));
        let (class, confidence) = (Class::UnnamedClone, Confidence::Supported);
        Match { fingerprint_id: "x".to_owned(), class, confidence, evidence: evidence.collect() }
    }

    #[test]
    fn what_agrees_is_what_was_seen() {
        let told = |fields: &[&str]| agrees(&found(fields, &["ntlm_build", "honeypot_like"]));
        assert_eq!(
            told(&["key_possession", "windows_rdp_certificate", "cert_subject_cn"]),
            ["name", "certificate-form"]
        );
        assert_eq!(told(&["ntlm_product_version", "ntlm_dns_computer_name"]), ["name", "build"]);
        assert_eq!(told(&["windows_rdp_certificate", "cert_sha256", "x224_flags"]), ["certificate", "marks"]);
        assert_eq!(told(&[]), ["marks"]);
    }

    #[test]
    fn only_a_plain_address_becomes_a_link() {
        assert!(is_plain("abuse+rdp@example.co.uk"));
        for contact in ["a?subject=x@example.net", "a&b@example.net", "a%0d@example.net", "'a@example.net"] {
            assert!(!is_plain(contact), "{contact}");
        }
    }
}
