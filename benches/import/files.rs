//! Files as the tools write them: every row another host, one in a thousand a clone of a known image.

use std::io::{self, Write};
use std::sync::LazyLock;

use data_encoding::{BASE64, HEXUPPER};
use rdprint::observe::{Certificate, Hex, Ntlm, Observation, Stage, Status, Tls, X224, X224Answer};
use rdprint::output::{CsvOptions, CsvSink, JsonlSink, Sink};
use rdprint::verdict::Record;

/// A self-signed certificate of Windows's kind under a name that no fingerprint knows; every row that holds bytes holds these.
pub(crate) static DER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let line = include_str!("../../tests/integration/samples/rdprint.jsonl").lines().next().expect("it has lines");
    let row: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
    let der = row.pointer("/tls/certificates/0/der").and_then(|der| der.as_str()).expect("it is there");
    BASE64.decode(der.as_bytes()).expect("it is base64")
});

/// The one in the samples of other tools.
static SAMPLED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let line = include_str!("../../tests/integration/samples/zgrab2.jsonl").lines().next().expect("it has lines");
    let row: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
    let raw = "/data/rdp/result/tls/handshake_log/server_certificates/certificate/raw";
    BASE64.decode(row.pointer(raw).and_then(|raw| raw.as_str()).expect("it is there").as_bytes()).expect("it is base64")
});

/// A sample with the one certificate in the other's place; `wrap` stands between lines of base64.
fn with_certificate(sample: &str, wrap: Option<&str>) -> String {
    let written = |der: &[u8]| {
        let base64 = BASE64.encode(der);
        let Some(wrap) = wrap else { return base64 };
        let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
        lines.join(wrap)
    };
    let (old, new) = (Certificate::from_der(&SAMPLED), Certificate::from_der(&DER));
    assert!(sample.contains(&written(&SAMPLED)), "the sample's certificate is found");
    let mut text = sample.replace(&written(&SAMPLED), &written(&DER));
    for (old, new) in [(old.sha256, new.sha256), (old.sha1, new.sha1), (old.md5, new.md5)] {
        text = text.replace(&old.expect("known").to_string(), &new.expect("known").to_string());
    }
    text
}

const HEADER: &str = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,sector,\
    handshake,rdp_protocol,cert_length,subject_common_name,issuer_common_name,cert_issue_date,cert_expiration_date,\
    sha1_fingerprint,cert_serial_number,ssl_version,signature_algorithm,key_algorithm,sha256_fingerprint,\
    sha512_fingerprint,md5_fingerprint,tlsv13_support,tlsv13_cipher,jarm";

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The name of the host in that row.
fn name(row: u64) -> String {
    if row % 1000 == 7 {
        return "WIN-BUNS25TD77J".to_owned();
    }
    let mut number = mixed(row);
    let letters = (0..11).map(|_| {
        let letter = LETTERS[usize::try_from(number & 31).expect("small")];
        number >>= 5;
        char::from(letter)
    });
    format!("WIN-{}", letters.collect::<String>())
}

/// A number that looks random (splitmix64).
fn mixed(row: u64) -> u64 {
    let number = row.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number ^ (number >> 31)
}

/// An address of 198.18.0.0/15 and on, which no row shares with its neighbours.
fn address(row: u64) -> String {
    let [.., a, b, c] = row.to_be_bytes();
    format!("198.{}.{b}.{c}", 18 + a % 2)
}

fn hash(row: u64, length: usize) -> Vec<u8> {
    (0..=length as u64 / 8).flat_map(|part| mixed(row * 8 + part).to_be_bytes()).take(length).collect()
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| HEXUPPER.encode(&[*byte])).collect::<Vec<_>>().join(":")
}

pub(crate) fn shadowserver(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    for row in 0..rows {
        let (name, ip) = (name(row), address(row));
        writeln!(
            out,
            "\"2026-11-22 03:12:45\",\"medium\",\"{ip}\",\"tcp\",3389,\"vm{row}.example.net\",\"rdp\",64496,\"DE\",\"HESSEN\",\
             \"FRANKFURT\",518210,\"ptr\",\"Communications\",\"TLSv1.2\",\"RDP\",2048,\"{name}\",\"{name}\",\
             \"2026-08-13 05:29:33\",\"2027-02-12 05:29:33\",\"{}\",\"{}\",2,\"sha256WithRSAEncryption\",\
             \"rsaEncryption\",\"{}\",\"{}\",\"{}\",,,",
            colons(&hash(row, 20)),
            HEXUPPER.encode(&hash(row, 16)),
            colons(&hash(row, 32)),
            colons(&hash(row, 64)),
            colons(&hash(row, 16)),
        )?;
    }
    Ok(())
}

fn record(row: u64) -> Record {
    let name = name(row);
    let at = "2026-11-22T03:12:45.123456Z".parse().expect("a time");
    let mut seen = Observation::begin(address(row).parse().expect("an address"), 3389, at);
    (seen.status, seen.stage, seen.rtt_us) = (Status::Success, Stage::Credssp, Some(1000 + row % 1000));
    seen.x224 = Some(X224 {
        requested_protocols: Some("ssl|hybrid|hybrid_ex".to_owned()),
        answer: Some(X224Answer::NegotiationResponse),
        selected_protocol: Some("hybrid_ex".to_owned()),
        flags: Some(31),
        src_ref: Some(0x1234),
        raw: Some(Hex(hash(row, 19))),
        ..X224::default()
    });
    seen.tls = Some(Tls {
        version: Some("TLSv1.3".to_owned()),
        cipher_suite: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        key_exchange_group: Some("x25519".to_owned()),
        certificates: vec![Certificate::from_der(&DER)],
        ..Tls::default()
    });
    seen.ntlm = Some(Ntlm {
        target_name: Some(name.clone()),
        netbios_computer_name: Some(name.clone()),
        netbios_domain_name: Some(name.clone()),
        dns_computer_name: Some(name.clone()),
        dns_domain_name: Some(name),
        product_version: Some("10.0.20348".to_owned()),
        system_time: Some(at),
        clock_skew_ms: Some(-90),
        negotiate_flags: Some(0xE28A_8235),
        raw: Some(Hex(hash(row, 180))),
        ..Ntlm::default()
    });
    Record {
        observation: seen,
        traits: std::collections::BTreeMap::default(),
        matches: Vec::new(),
        fingerprint_set: "0".repeat(64),
    }
}

pub(crate) fn rdprint_csv(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut sink = CsvSink::new(&mut bytes, CsvOptions::default())?;
    (0..rows).try_for_each(|row| sink.write(&record(row)))?;
    drop(sink);
    out.write_all(&bytes)
}

pub(crate) fn rdprint_jsonl(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut sink = JsonlSink::new(&mut bytes);
    (0..rows).try_for_each(|row| sink.write(&record(row)))?;
    out.write_all(&bytes)
}

/// The lines of a sample for one host, with address and names of each row in their place.
fn repeated(out: &mut dyn Write, sample: &str, ip: &str, rows: u64) -> io::Result<()> {
    // Names stand beside the certificate too, and not only in it.
    (0..rows).try_for_each(|row| {
        let line = sample.replace(ip, &address(row)).replace("WIN-BUNS25TD77J", &name(row));
        writeln!(out, "{line}")
    })
}

pub(crate) fn zgrab2(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    let line = include_str!("../../tests/integration/samples/zgrab2.jsonl").lines().next().expect("it has lines");
    repeated(out, &with_certificate(line, None), "192.0.2.20", rows)
}

pub(crate) fn shodan(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    let line = include_str!("../../tests/integration/samples/shodan.jsonl").lines().next().expect("it has lines");
    repeated(out, &with_certificate(line, Some("\\n")), "192.0.2.30", rows)
}

pub(crate) fn nmap(out: &mut dyn Write, rows: u64) -> io::Result<()> {
    let report = include_str!("../../tests/integration/samples/nmap.xml");
    let (before, rest) = report.split_once("<host ").expect("it has hosts");
    let (host, _) = rest.split_once("</host>").expect("hosts end");
    write!(out, "{before}")?;
    repeated(out, &with_certificate(&format!("<host {host}</host>"), Some("&#xa;")), "127.88.0.222", rows)?;
    writeln!(out, "</nmaprun>")
}
