//! Shodan's JSON lines, as `shodan download` writes them.
//!
//! NTLM values stand in the text of `data`, in some records also in an object `ntlm`; the text counts. Names of cipher
//! suites are OpenSSL's, and only those that IANA shares are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::facts::{
    Doubts, Stated, address, imported, is_known, port, reported, serial_from_decimal, serial_from_hex, set_stage,
    tls_with,
};
use super::input::Input;
use super::json::{List, Object, Scalar, each_line};
use super::{Flow, ImportError, Item, Reading, chain};
use crate::observe::{Anomaly, Certificate, Hex, Ntlm, Observation, Tls, X224, X224Answer};
use crate::proto::x224::{Answer, Frame, Negotiation, decode_answer, frame};

const TOOL: &str = "shodan";

/// The first line of the text that Shodan makes of an RDP answer.
const TITLE: &str = "Remote Desktop Protocol";

#[derive(Deserialize)]
struct Banner<'a> {
    #[serde(borrow, default)]
    ip_str: Scalar<'a>,
    #[serde(borrow, default)]
    port: Scalar<'a>,
    #[serde(borrow, default)]
    transport: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    product: Scalar<'a>,
    #[serde(borrow, default)]
    data: Scalar<'a>,
    #[serde(borrow, default)]
    ssl: Object<Ssl<'a>>,
    #[serde(borrow, default)]
    ntlm: Object<BTreeMap<Scalar<'a>, Scalar<'a>>>,
    #[serde(borrow, default, rename = "_shodan")]
    crawler: Object<Crawler<'a>>,
}

#[derive(Deserialize)]
struct Crawler<'a> {
    #[serde(borrow, default)]
    module: Scalar<'a>,
}

#[derive(Deserialize)]
struct Ssl<'a> {
    #[serde(borrow, default)]
    cert: Object<Cert<'a>>,
    #[serde(borrow, default)]
    chain: List<Scalar<'a>>,
    #[serde(borrow, default)]
    cipher: Object<Cipher<'a>>,
}

#[derive(Deserialize)]
struct Cert<'a> {
    #[serde(borrow, default)]
    subject: Object<Name<'a>>,
    #[serde(borrow, default)]
    issuer: Object<Name<'a>>,
    /// A number of up to 160 bits, of which a floating-point number would keep 53.
    #[serde(borrow, default)]
    serial: Option<&'a RawValue>,
    #[serde(borrow, default)]
    issued: Scalar<'a>,
    #[serde(borrow, default)]
    expires: Scalar<'a>,
    #[serde(borrow, default)]
    sig_alg: Scalar<'a>,
    #[serde(borrow, default)]
    fingerprint: Object<Fingerprint<'a>>,
    #[serde(borrow, default)]
    pubkey: Object<Pubkey<'a>>,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow, default, rename = "CN")]
    common_name: Scalar<'a>,
}

#[derive(Deserialize)]
struct Fingerprint<'a> {
    #[serde(borrow, default)]
    sha256: Scalar<'a>,
    #[serde(borrow, default)]
    sha1: Scalar<'a>,
}

#[derive(Deserialize)]
struct Pubkey<'a> {
    #[serde(borrow, default)]
    bits: Scalar<'a>,
}

#[derive(Deserialize)]
struct Cipher<'a> {
    #[serde(borrow, default)]
    version: Scalar<'a>,
    #[serde(borrow, default)]
    name: Scalar<'a>,
}

#[expect(clippy::unnecessary_wraps, reason = "every importer has this shape")]
pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    Ok(each_line(input, take, read_line))
}

fn read_line(line: &[u8], number: u64, reading: &mut Reading<'_>) -> Flow {
    let banner: Banner<'_> = match serde_json::from_slice(line) {
        Ok(banner) => banner,
        Err(error) => return reading.lost(number, format_args!("is no JSON object: {error}")),
    };
    if banner.ip_str.as_str().is_none() && banner.port.as_str().is_none() {
        return reading.lost(number, "is no banner of Shodan's: it has neither `ip_str` nor `port`");
    }
    if !banner.is_rdp() {
        return reading.passed_over(line);
    }
    let Some(ip) = address(banner.ip_str.or_empty()) else {
        return reading.lost(number, "has no IP address in `ip_str`");
    };
    let Some(port) = port(banner.port.or_empty()) else { return reading.lost(number, "has no TCP port in `port`") };
    let mut doubts = Doubts::default();
    let seen_at = doubts.time("timestamp", banner.timestamp.or_empty());
    if banner.timestamp.as_str().is_none() {
        doubts.0.push("has no `timestamp`; its time is given as 1970".to_owned());
    }
    let source = format!("{TOOL}:{}:{number}", reading.name);
    let mut seen = imported(ip, port, seen_at.unwrap_or(Timestamp::UNIX_EPOCH), source, TOOL.to_owned());
    banner.fill(&mut seen, &mut doubts);
    set_stage(&mut seen);
    reading.doubts(number, doubts.0)?;
    reading.seen(seen, line)
}

impl Banner<'_> {
    /// Whether Shodan took the service for RDP. UDP banners have no dialogue that rdprint knows.
    fn is_rdp(&self) -> bool {
        let module = self.crawler.0.as_ref().and_then(|crawler| crawler.module.as_str()).unwrap_or_default();
        let is_rdp = module == "rdp"
            || self.data.or_empty().starts_with(TITLE)
            || matches!(self.product.or_empty(), TITLE | "Microsoft Terminal Services" | "Microsoft RDP");
        is_rdp && self.transport.or_empty() != "udp"
    }

    fn fill(self, seen: &mut Observation, doubts: &mut Doubts) {
        let mut anomalies = Vec::new();
        let text = self.data.or_empty();
        seen.x224 = Some(text.lines().find_map(|line| answer(line, &mut anomalies)).unwrap_or_else(reported));
        seen.ntlm = self.ntlm.0.as_ref().and_then(|ntlm| ntlm_of_object(ntlm, doubts));
        if let Some(ntlm) = ntlm_of_text(text) {
            seen.ntlm = Some(ntlm);
        }
        seen.tls = self.ssl.0.as_ref().and_then(|ssl| tls(ssl, doubts, &mut anomalies));
        seen.note(anomalies);
    }
}

/// The Connection Confirm, which Shodan prints as Python prints bytes: `\x03\x00\x00\x13…`.
fn answer(line: &str, anomalies: &mut Vec<Anomaly>) -> Option<X224> {
    let bytes = line.trim().starts_with("\\x03\\x00").then(|| unescape(line.trim()))??;
    if frame(&bytes) != Frame::Complete(bytes.len()) {
        return None;
    }
    let (answer, met) = decode_answer(&bytes);
    let Answer::Confirm { src_ref, negotiation } = answer else { return None };
    anomalies.extend(met);
    let mut facts = X224 { src_ref: Some(src_ref), raw: Some(Hex(bytes)), ..X224::default() };
    match negotiation {
        Negotiation::Absent => facts.answer = Some(X224Answer::ConfirmOnly),
        Negotiation::Malformed => facts.answer = Some(X224Answer::NegotiationMalformed),
        Negotiation::Response { flags, selected } => {
            facts.answer = Some(X224Answer::NegotiationResponse);
            (facts.flags, facts.selected_protocol) = (Some(flags), Some(selected.to_string()));
        }
        Negotiation::Failure { flags, code } => {
            facts.answer = Some(X224Answer::NegotiationFailure);
            (facts.flags, facts.failure_code) = (Some(flags), Some(code));
        }
    }
    Some(facts)
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut characters) = (Vec::new(), text.chars());
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.push(u8::try_from(character).ok()?);
            continue;
        }
        bytes.push(match characters.next()? {
            'x' => {
                let (high, low) = (characters.next()?.to_digit(16)?, characters.next()?.to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            other @ ('\\' | '\'' | '"') => u8::try_from(other).ok()?,
            _ => return None,
        });
    }
    Some(bytes)
}

/// The lines after `Remote Desktop Protocol NTLM Info:`.
fn ntlm_of_text(text: &str) -> Option<Ntlm> {
    let (_, lines) = text.split_once("NTLM Info:")?;
    let mut ntlm = Ntlm::default();
    for (label, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        let value = super::facts::text(value.trim());
        match label.trim() {
            "OS Build" => ntlm.product_version = value,
            "Target Name" => ntlm.target_name = value,
            "NetBIOS Domain Name" => ntlm.netbios_domain_name = value,
            "NetBIOS Computer Name" => ntlm.netbios_computer_name = value,
            "DNS Domain Name" => ntlm.dns_domain_name = value,
            "FQDN" | "DNS Computer Name" => ntlm.dns_computer_name = value,
            "DNS Tree Name" => ntlm.dns_tree_name = value,
            "System Time" => ntlm.system_time = value.as_deref().and_then(super::facts::time),
            _ => {}
        }
    }
    (ntlm != Ntlm::default()).then_some(ntlm)
}

/// The object of the same values; Shodan does not document its keys, so the spellings that are known are accepted.
fn ntlm_of_object(object: &BTreeMap<Scalar<'_>, Scalar<'_>>, doubts: &mut Doubts) -> Option<Ntlm> {
    let find = |names: &[&str]| {
        let value = names.iter().find_map(|name| object.iter().find(|(key, _)| key.as_str() == Some(name)));
        value.and_then(|(_, value)| value.text())
    };
    let version = find(&["os_build", "os_version", "product_version"]);
    let is_version = |text: &String| text.split('.').count() >= 3;
    let time = find(&["timestamp", "system_time"]);
    let ntlm = Ntlm {
        target_name: find(&["target_realm", "target_name", "target"]),
        netbios_computer_name: find(&["netbios_computer_name", "nb_computer_name"]),
        netbios_domain_name: find(&["netbios_domain_name", "nb_domain_name"]),
        dns_computer_name: find(&["fqdn", "dns_computer_name"]),
        dns_domain_name: find(&["dns_domain_name"]),
        dns_tree_name: find(&["dns_forest_name", "dns_tree_name", "forest_name"]),
        product_version: version.filter(is_version),
        // Some hold a FILETIME here, some a date; a number is none of the dates.
        system_time: time
            .filter(|text| !text.chars().all(|digit| digit.is_ascii_digit()))
            .and_then(|text| doubts.time("ntlm.timestamp", &text)),
        ..Ntlm::default()
    };
    (ntlm != Ntlm::default()).then_some(ntlm)
}

fn tls(ssl: &Ssl<'_>, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Option<Tls> {
    let mut tls = tls_with(certificates(ssl, doubts, anomalies));
    if let Some(cipher) = &ssl.cipher.0 {
        // `TLSv1/SSLv3` is the name of a family of suites, not a version.
        tls.version = cipher.version.text().filter(|version| !version.contains('/'));
        tls.cipher_suite = cipher.name.text().filter(|name| name.starts_with("TLS_"));
    }
    (tls != Tls::default()).then_some(tls)
}

fn certificates(ssl: &Ssl<'_>, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Vec<Certificate> {
    let cert = ssl.cert.0.as_ref();
    let stated = cert.and_then(|cert| cert.fingerprint.0.as_ref()).map_or_else(Stated::default, |hashes| Stated {
        sha256: doubts.hash("ssl.cert.fingerprint.sha256", hashes.sha256.or_empty(), 32),
        sha1: doubts.hash("ssl.cert.fingerprint.sha1", hashes.sha1.or_empty(), 20),
        md5: None,
    });
    let chain: Vec<Vec<u8>> =
        ssl.chain.0.iter().filter_map(|pem| doubts.read("ssl.chain", pem.or_empty(), chain::from_pem)).collect();
    if !chain.is_empty() {
        return chain::certificates(chain, &stated, anomalies);
    }
    cert.map(|cert| from_cert(cert, stated, doubts)).filter(is_known).into_iter().collect()
}

fn from_cert(cert: &Cert<'_>, stated: Stated, doubts: &mut Doubts) -> Certificate {
    let common_name = |name: &Object<Name<'_>>| name.0.as_ref()?.common_name.text();
    let serial = cert.serial.map(|serial| serial.get().trim_matches('"')).unwrap_or_default();
    let serial = serial.trim_start_matches("null");
    Certificate {
        sha256: stated.sha256,
        sha1: stated.sha1,
        subject_cn: common_name(&cert.subject),
        issuer_cn: common_name(&cert.issuer),
        serial_number: doubts.read("ssl.cert.serial", serial, |text| {
            text.strip_prefix("0x").map_or_else(|| serial_from_decimal(text), serial_from_hex)
        }),
        not_before: doubts.time("ssl.cert.issued", cert.issued.or_empty()),
        not_after: doubts.time("ssl.cert.expires", cert.expires.or_empty()),
        signature_algorithm: cert.sig_alg.text(),
        public_key_bits: cert.pubkey.0.as_ref().and_then(|key| key.bits.or_empty().parse().ok()),
        ..Certificate::default()
    }
}
