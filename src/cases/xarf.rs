//! One report on a case in XARF v4 (xarf.org), as abuse desks exchange them.

use std::net::IpAddr;

use data_encoding::BASE64;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::letter::{Sender, Told, raw, sha256};
use crate::fingerprint::{Class, Match};
use crate::visible::{json, pretty_json, visible};

/// The version of the specification that is written.
const VERSION: &str = "4.2.0";
/// The longest description that the schema takes.
const LONGEST_DESCRIPTION: usize = 1000;
/// The longest name of an organisation.
const LONGEST_ORG: usize = 200;

/// Why a sender cannot stand in a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SenderError {
    /// The organisation's name is empty or too long.
    #[error("the name of the sender must have 1 to {LONGEST_ORG} characters, all of them visible; say it with --org")]
    Org,
    /// It is no address for mail.
    #[error("`{0}` is no address for mail; write it like abuse@example.net")]
    Contact(String),
}

impl Sender {
    /// A sender, checked: XARF asks for an address for mail, whose domain it repeats.
    pub fn new(org: &str, contact: &str) -> Result<Self, SenderError> {
        let is_org = visible(org) == org && (1..=LONGEST_ORG).contains(&org.trim().chars().count());
        if !is_org {
            return Err(SenderError::Org);
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_local = |local: &str| {
            (1..=64).contains(&local.len())
                && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
                && !local.starts_with('.')
                && !local.ends_with('.')
                && !local.contains("..")
        };
        let is_contact = contact.split_once('@').is_some_and(|(local, domain)| {
            is_local(local) && domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label)
        });
        if !is_contact {
            return Err(SenderError::Contact(visible(contact).into_owned()));
        }
        Ok(Self { org: org.trim().to_owned(), contact: contact.to_owned() })
    }

    fn domain(&self) -> &str {
        self.contact.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

#[derive(Serialize)]
struct Message<'a> {
    xarf_version: &'static str,
    report_id: String,
    timestamp: String,
    reporter: Party<'a>,
    sender: Party<'a>,
    source_identifier: IpAddr,
    source_port: u16,
    #[serde(flatten)]
    kind: Kind,
    evidence_source: &'static str,
    description: String,
    tags: Vec<String>,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Party<'a> {
    org: &'a str,
    contact: &'a str,
    domain: &'a str,
}

/// What is honest to say. Nothing was compromised that we know of and no attack was seen, so none of XARF's types of attacks
/// fits: a reported image is threat intelligence about the address, and a copy that no report names is an installation that
/// was never generalised.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    ThreatIntelligence { category: &'static str, threat_type: &'static str },
    Misconfiguration { category: &'static str, service: &'static str },
}

#[derive(Serialize)]
struct Evidence {
    content_type: &'static str,
    description: &'static str,
    payload: String,
    hash: String,
    size: usize,
}

/// The report on a case as JSON. `history` is the history's own identifier: the same look at the same case always has the
/// same report number, and no other history's has it.
#[must_use]
pub fn report(told: &Told<'_>, wording: &str, history: &str) -> String {
    let Told { case, observation, found, sender, .. } = *told;
    let contact = || Party { org: &sender.org, contact: &sender.contact, domain: sender.domain() };
    let kind = match found.class {
        Class::CriminalImage => {
            Kind::ThreatIntelligence { category: "reputation", threat_type: "image_reported_for_criminal_service" }
        }
        Class::SharedRange => {
            Kind::ThreatIntelligence { category: "reputation", threat_type: "image_reported_in_malware_pivot" }
        }
        _ => Kind::Misconfiguration { category: "vulnerability", service: "rdp" },
    };
    let mut evidence = vec![Evidence::new("application/json", "What was seen, as a record of rdprint.", &facts(told))];
    evidence.extend(raw(observation).map(|(what, bytes)| {
        let (content_type, description) = match what {
            "certificate" => ("application/pkix-cert", "The certificate that the host presented, DER."),
            "ntlm-challenge" => {
                ("application/octet-stream", "The NTLM CHALLENGE message, as received before any logon.")
            }
            _ => ("application/octet-stream", "The X.224 Connection Confirm, as received."),
        };
        Evidence::new(content_type, description, bytes)
    }));
    // A report has no list of steps, in which a letter asks.
    let request = found.class.request().filter(|request| !wording.contains(request));
    let description = request.map_or_else(|| wording.to_owned(), |request| format!("{wording} {request}"));
    let report = Message {
        xarf_version: VERSION,
        report_id: report_id(&format!("{history}\n{}\n{}", case.id, observation.seen_at)),
        timestamp: format!("{:.0}", observation.seen_at),
        reporter: contact(),
        sender: contact(),
        source_identifier: observation.ip,
        source_port: observation.port,
        kind,
        evidence_source: "automated_scan",
        description: description.chars().take(LONGEST_DESCRIPTION).collect(),
        tags: tags(found),
        evidence,
    };
    // A struct of texts and numbers always has a JSON form.
    let mut text = pretty_json(&report).unwrap_or_default();
    text.push('\n');
    text
}

/// What we know in our own words. XARF's `confidence` is a number, and ours is none: no frequency was measured that could stand
/// there. (The package `xarf` 1.0.0 of Python takes whole numbers only, so that a fraction would also keep its users from reading the report.)
fn tags(found: &Match) -> Vec<String> {
    let id = found.fingerprint_id.trim_start_matches('-');
    vec![
        format!("rdprint-class:{}", found.class),
        format!("rdprint-confidence:{}", found.confidence),
        format!("rdprint-fingerprint:{id}"),
    ]
}

/// The observation and the match, which is what a receiver needs to check the verdict.
pub(super) fn facts(told: &Told<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        observation: &'a crate::observe::Observation,
        matches: [&'a Match; 1],
    }
    json(&Facts { observation: told.observation, matches: [told.found] }).unwrap_or_default().into_bytes()
}

impl Evidence {
    fn new(content_type: &'static str, description: &'static str, bytes: &[u8]) -> Self {
        let hash = format!("sha256:{}", sha256(bytes));
        Self { content_type, description, payload: BASE64.encode(bytes), hash, size: bytes.len() }
    }
}

/// A UUID of the fourth kind, whose random bits are those of a hash over the history's own random identifier.
fn report_id(of: &str) -> String {
    let digest = Sha256::digest(of.as_bytes());
    let mut bits = digest.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    bits = bits & !(0xF << 76) | 4 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
