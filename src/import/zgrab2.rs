//! JSON lines of `zgrab2 rdp`.
//!
//! Not kept: `negotiation_flags`, because zgrab2 drops the bits that it does not name, and the number would be wrong.

use jiff::Timestamp;
use serde::Deserialize;

use super::facts::{Stated, address, imported, port, reported, serial_from_decimal, set_stage, tls_with};
use super::input::Input;
use super::json::{List, Object, Scalar, each_line};
use super::{Flow, ImportError, Item, Reading, chain, facts::Doubts};
use crate::observe::{Anomaly, Certificate, Ntlm, Status, Tls, X224, X224Answer};

const TOOL: &str = "zgrab2";

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    ip: Scalar<'a>,
    #[serde(borrow, default)]
    data: Object<Modules<'a>>,
}

/// The modules that ran; each may bear a name of the user's own, so RDP is known by its `protocol`.
struct Modules<'a>(Vec<Module<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Modules<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let modules = std::collections::BTreeMap::<Scalar<'de>, Object<Module<'de>>>::deserialize(deserializer)?;
        let is_rdp = |(name, module): &(Scalar<'_>, Module<'_>)| match module.protocol.as_str() {
            Some(protocol) => protocol == "rdp",
            None => name.or_empty() == "rdp",
        };
        let known = modules.into_iter().filter_map(|(name, module)| Some((name, module.0?)));
        Ok(Self(known.filter(is_rdp).map(|(_, module)| module).collect()))
    }
}

#[derive(Deserialize)]
struct Module<'a> {
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    protocol: Scalar<'a>,
    #[serde(borrow, default)]
    port: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    error: Scalar<'a>,
    #[serde(borrow, default)]
    result: Object<Outcome<'a>>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow, default)]
    selected_protocol: Scalar<'a>,
    #[serde(borrow, default)]
    tls: Object<TlsLog<'a>>,
    #[serde(borrow, default)]
    ntlm: Object<NtlmInfo<'a>>,
}

#[derive(Deserialize)]
struct TlsLog<'a> {
    #[serde(borrow, default)]
    handshake_log: Object<Handshake<'a>>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are zgrab2's")]
struct Handshake<'a> {
    #[serde(borrow, default)]
    server_hello: Object<ServerHello<'a>>,
    #[serde(borrow, default)]
    server_certificates: Object<Certificates<'a>>,
    #[serde(borrow, default)]
    server_key_exchange: Object<KeyExchange<'a>>,
}

#[derive(Deserialize)]
struct ServerHello<'a> {
    #[serde(borrow, default)]
    version: Object<Named<'a>>,
    #[serde(borrow, default)]
    supported_versions: Object<SupportedVersions<'a>>,
    #[serde(borrow, default)]
    cipher_suite: Object<Named<'a>>,
}

#[derive(Deserialize)]
struct SupportedVersions<'a> {
    #[serde(borrow, default)]
    selected_version: Object<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Scalar<'a>,
}

#[derive(Deserialize)]
struct KeyExchange<'a> {
    #[serde(borrow, default)]
    ecdh_params: Object<EcdhParams<'a>>,
}

#[derive(Deserialize)]
struct EcdhParams<'a> {
    #[serde(borrow, default)]
    curve_id: Object<Named<'a>>,
}

#[derive(Deserialize)]
struct Certificates<'a> {
    #[serde(borrow, default)]
    certificate: Object<OneCertificate<'a>>,
    #[serde(borrow, default)]
    chain: List<Object<OneCertificate<'a>>>,
}

#[derive(Deserialize)]
struct OneCertificate<'a> {
    #[serde(borrow, default)]
    raw: Scalar<'a>,
    #[serde(borrow, default)]
    parsed: Object<Parsed<'a>>,
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(borrow, default)]
    fingerprint_sha256: Scalar<'a>,
    #[serde(borrow, default)]
    fingerprint_sha1: Scalar<'a>,
    #[serde(borrow, default)]
    fingerprint_md5: Scalar<'a>,
    #[serde(borrow, default)]
    serial_number: Scalar<'a>,
    #[serde(borrow, default)]
    subject: Object<NameParts<'a>>,
    #[serde(borrow, default)]
    issuer: Object<NameParts<'a>>,
    #[serde(borrow, default)]
    validity: Object<Validity<'a>>,
}

#[derive(Deserialize)]
struct NameParts<'a> {
    #[serde(borrow, default)]
    common_name: List<Scalar<'a>>,
}

#[derive(Deserialize)]
struct Validity<'a> {
    #[serde(borrow, default)]
    start: Scalar<'a>,
    #[serde(borrow, default)]
    end: Scalar<'a>,
}

#[derive(Deserialize)]
struct NtlmInfo<'a> {
    #[serde(borrow, default)]
    os_version: Scalar<'a>,
    #[serde(borrow, default)]
    target_name: Scalar<'a>,
    #[serde(borrow, default)]
    netbios_computer_name: Scalar<'a>,
    #[serde(borrow, default)]
    netbios_domain_name: Scalar<'a>,
    #[serde(borrow, default)]
    dns_computer_name: Scalar<'a>,
    #[serde(borrow, default)]
    dns_domain_name: Scalar<'a>,
    #[serde(borrow, default)]
    forest_name: Scalar<'a>,
    #[serde(borrow, default)]
    system_time: Scalar<'a>,
}

#[expect(clippy::unnecessary_wraps, reason = "every importer has this shape")]
pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    Ok(each_line(input, take, read_line))
}

fn read_line(line: &[u8], number: u64, reading: &mut Reading<'_>) -> Flow {
    let row: Row<'_> = match serde_json::from_slice(line) {
        Ok(row) => row,
        Err(error) => return reading.lost(number, format_args!("is no JSON object: {error}")),
    };
    if row.data.0.is_none() {
        return reading.lost(number, "is no row of zgrab2's: it has no object `data`");
    }
    let mut modules = row.data.0.map(|modules| modules.0).unwrap_or_default();
    // Two RDP modules in one row would be two ports; one row is one endpoint, the first that answered.
    modules.sort_by_key(|module| module.status.as_str() != Some("success"));
    let Some(module) = modules.into_iter().next() else { return reading.passed_over(line) };
    let Some(ip) = address(row.ip.or_empty()) else { return reading.lost(number, "has no IP address in `ip`") };
    let mut doubts = Doubts::default();
    let port = doubts.read("port", module.port.or_empty(), port).unwrap_or(3389);
    let seen_at = seen_at(&module, &mut doubts);
    let source = format!("{TOOL}:{}:{number}", reading.name);
    let mut seen = imported(ip, port, seen_at, source, TOOL.to_owned());
    seen.error = module.error.text();
    seen.status =
        module.status.as_str().map_or(Status::UnknownError, |word| word.parse().unwrap_or(Status::UnknownError));
    if let Some(outcome) = module.result.0 {
        seen.x224 = x224(&outcome);
        let mut anomalies = Vec::new();
        seen.tls = outcome.tls.0.and_then(|log| log.handshake_log.0).map(|log| tls(log, &mut doubts, &mut anomalies));
        seen.ntlm = outcome.ntlm.0.map(|info| ntlm(&info, &mut doubts));
        if seen.x224.is_none() && (seen.tls.is_some() || seen.ntlm.is_some()) {
            seen.x224 = Some(reported());
        }
        seen.note(anomalies);
    }
    set_stage(&mut seen);
    reading.doubts(number, doubts.0)?;
    reading.seen(seen, line)
}

fn seen_at(module: &Module<'_>, doubts: &mut Doubts) -> Timestamp {
    doubts.time("timestamp", module.timestamp.or_empty()).unwrap_or_else(|| {
        if module.timestamp.as_str().is_none() {
            doubts.0.push("has no `timestamp`; its time is given as 1970".to_owned());
        }
        Timestamp::UNIX_EPOCH
    })
}

fn x224(outcome: &Outcome<'_>) -> Option<X224> {
    let selected_protocol = outcome.selected_protocol.text()?;
    Some(X224 {
        answer: Some(X224Answer::NegotiationResponse),
        selected_protocol: Some(selected_protocol),
        ..X224::default()
    })
}

fn tls(log: Handshake<'_>, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Tls {
    let mut tls =
        tls_with(log.server_certificates.0.map(|sent| certificates(&sent, doubts, anomalies)).unwrap_or_default());
    if let Some(hello) = log.server_hello.0 {
        // For TLS 1.3 `version` holds the legacy number of RFC 8446, 4.1.3, which says 1.2.
        let selected = hello.supported_versions.0.and_then(|versions| versions.selected_version.0);
        tls.version = selected.or(hello.version.0).and_then(|version| version.name.as_str().map(version_word));
        tls.cipher_suite = hello.cipher_suite.0.and_then(|suite| suite.name.text());
    }
    let curve = log.server_key_exchange.0.and_then(|exchange| exchange.ecdh_params.0?.curve_id.0);
    tls.key_exchange_group = curve.and_then(|curve| curve.name.text());
    tls
}

/// zgrab2 writes `TLSv1.2`; other libraries `TLS 1.3` and `TLSv1.0`.
fn version_word(name: &str) -> String {
    name.strip_prefix("TLS ").map_or_else(|| name.to_owned(), |number| format!("TLSv{number}"))
}

fn certificates(sent: &Certificates<'_>, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Vec<Certificate> {
    let Some(leaf) = &sent.certificate.0 else { return Vec::new() };
    let mut hash = |name, text: &Scalar<'_>, length| doubts.hash(name, text.or_empty(), length);
    let stated = leaf.parsed.0.as_ref().map_or_else(Stated::default, |parsed| Stated {
        sha256: hash("fingerprint_sha256", &parsed.fingerprint_sha256, 32),
        sha1: hash("fingerprint_sha1", &parsed.fingerprint_sha1, 20),
        md5: hash("fingerprint_md5", &parsed.fingerprint_md5, 16),
    });
    let Some(der) = doubts.read("raw", leaf.raw.or_empty(), chain::from_base64) else {
        return leaf.parsed.0.as_ref().map(|parsed| from_parsed(parsed, stated, doubts)).into_iter().collect();
    };
    let others = sent.chain.0.iter().filter_map(|other| chain::from_base64(other.0.as_ref()?.raw.or_empty()));
    chain::certificates(std::iter::once(der).chain(others), &stated, anomalies)
}

/// What zgrab2 understood of a certificate whose bytes were left out.
fn from_parsed(parsed: &Parsed<'_>, stated: Stated, doubts: &mut Doubts) -> Certificate {
    let first = |name: &Object<NameParts<'_>>| name.0.as_ref()?.common_name.0.first()?.text();
    let validity = parsed.validity.0.as_ref();
    Certificate {
        sha256: stated.sha256,
        sha1: stated.sha1,
        md5: stated.md5,
        serial_number: doubts.read("serial_number", parsed.serial_number.or_empty(), serial_from_decimal),
        subject_cn: first(&parsed.subject),
        issuer_cn: first(&parsed.issuer),
        not_before: validity.and_then(|validity| doubts.time("validity.start", validity.start.or_empty())),
        not_after: validity.and_then(|validity| doubts.time("validity.end", validity.end.or_empty())),
        ..Certificate::default()
    }
}

fn ntlm(info: &NtlmInfo<'_>, doubts: &mut Doubts) -> Ntlm {
    Ntlm {
        target_name: info.target_name.text(),
        netbios_computer_name: info.netbios_computer_name.text(),
        netbios_domain_name: info.netbios_domain_name.text(),
        dns_computer_name: info.dns_computer_name.text(),
        dns_domain_name: info.dns_domain_name.text(),
        dns_tree_name: info.forest_name.text(),
        product_version: info.os_version.text(),
        system_time: doubts.time("system_time", info.system_time.or_empty()),
        ..Ntlm::default()
    }
}
