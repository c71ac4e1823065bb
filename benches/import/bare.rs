//! What it takes to read each file into typed values, and nothing else: the same values that rdprint reads.

use std::borrow::Cow;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use quick_xml::Reader;
use quick_xml::events::Event;
use rdprint::observe::Observation;
use serde::Deserialize;

const BUFFER: usize = 128 << 10;

#[derive(Deserialize)]
#[allow(dead_code, reason = "reading is all that is asked of them")]
struct Shadowserver<'a> {
    timestamp: DateTime,
    ip: IpAddr,
    port: u16,
    tag: &'a str,
    handshake: &'a str,
    subject_common_name: String,
    issuer_common_name: String,
    cert_issue_date: DateTime,
    cert_expiration_date: DateTime,
    sha1_fingerprint: String,
    sha256_fingerprint: String,
    md5_fingerprint: String,
    cert_serial_number: String,
    signature_algorithm: String,
    key_algorithm: String,
    tlsv13_cipher: Option<&'a str>,
}

pub(crate) fn shadowserver(path: &Path) -> u64 {
    csv_rows(path, |row, header| drop(black_box(row.deserialize::<Shadowserver<'_>>(Some(header)).expect("typed"))))
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "reading is all that is asked of them")]
struct Rdprint<'a> {
    schema_version: u32,
    seen_at: Timestamp,
    source: String,
    ip: IpAddr,
    port: u16,
    status: &'a str,
    stage: &'a str,
    rtt_us: Option<u64>,
    x224_answer: &'a str,
    x224_selected_protocol: String,
    x224_flags: Option<u8>,
    x224_src_ref: Option<u16>,
    x224_raw: String,
    tls_version: String,
    tls_cipher_suite: String,
    tls_key_exchange_group: String,
    key_possession: &'a str,
    cert_sha256: String,
    cert_sha1: String,
    cert_spki_sha256: String,
    cert_subject_cn: String,
    cert_issuer_cn: String,
    cert_serial_number: String,
    cert_not_before: Timestamp,
    cert_not_after: Timestamp,
    cert_signature_algorithm: String,
    cert_public_key_algorithm: String,
    cert_public_key_bits: Option<u32>,
    cert_self_signed: Option<bool>,
    cert_der: String,
    ntlm_target_name: String,
    ntlm_netbios_computer_name: String,
    ntlm_netbios_domain_name: String,
    ntlm_dns_computer_name: String,
    ntlm_dns_domain_name: String,
    ntlm_product_version: String,
    ntlm_system_time: Timestamp,
    ntlm_clock_skew_ms: Option<i64>,
    ntlm_negotiate_flags: Option<u32>,
    ntlm_raw: String,
}

pub(crate) fn rdprint_csv(path: &Path) -> u64 {
    csv_rows(path, |row, header| drop(black_box(row.deserialize::<Rdprint<'_>>(Some(header)).expect("typed"))))
}

fn csv_rows(path: &Path, mut read: impl FnMut(&csv::StringRecord, &csv::StringRecord)) -> u64 {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).from_path(path).expect("it is there");
    let header = reader.headers().expect("it has one").clone();
    let (mut row, mut rows) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut row).expect("it is CSV") {
        read(&row, &header);
        rows += 1;
    }
    rows
}

fn json_lines(path: &Path, mut read: impl FnMut(&[u8])) -> u64 {
    let mut reader = BufReader::with_capacity(BUFFER, File::open(path).expect("it is there"));
    let (mut line, mut rows) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line).expect("it can be read") > 0 {
        read(&line);
        line.clear();
        rows += 1;
    }
    rows
}

pub(crate) fn rdprint_jsonl(path: &Path) -> u64 {
    json_lines(path, |line| drop(black_box(serde_json::from_slice::<Observation>(line).expect("typed"))))
}

macro_rules! typed {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "reading is all that is asked of them")]
        struct $name<'a> {
            $($(#[$attribute])* $field: $type,)*
            #[serde(skip)]
            _lifetime: std::marker::PhantomData<&'a ()>,
        }
    )*};
}

typed! {
    Zgrab2 { ip: IpAddr, #[serde(borrow)] data: Data<'a> }
    Data { #[serde(borrow)] rdp: Rdp<'a> }
    Rdp { status: &'a str, protocol: &'a str, port: u16, timestamp: Timestamp, #[serde(borrow)] result: Outcome<'a> }
    Outcome { selected_protocol: String, #[serde(borrow)] tls: Tls<'a>, #[serde(borrow)] ntlm: Ntlm<'a> }
    Tls { #[serde(borrow)] handshake_log: Log<'a> }
    Log { #[serde(borrow)] server_hello: Hello<'a>, #[serde(borrow)] server_certificates: Certificates<'a> }
    Hello { #[serde(borrow)] version: Named<'a>, #[serde(borrow)] cipher_suite: Named<'a> }
    Named { name: String }
    Certificates { #[serde(borrow)] certificate: Certificate<'a> }
    Certificate { raw: String, #[serde(borrow)] parsed: Parsed<'a> }
    Parsed { fingerprint_md5: String, fingerprint_sha1: String, fingerprint_sha256: String }
    Ntlm {
        os_version: String, target_name: String, netbios_computer_name: String, netbios_domain_name: String,
        dns_computer_name: String, dns_domain_name: String,
    }
    Shodan {
        ip_str: IpAddr, port: u16, transport: &'a str, timestamp: DateTime, #[serde(borrow)] data: Cow<'a, str>,
        #[serde(borrow)] ssl: Ssl<'a>,
    }
    Ssl { #[serde(borrow)] cert: Cert<'a>, chain: Vec<String>, #[serde(borrow)] cipher: Cipher<'a> }
    Cert {
        #[serde(borrow)] subject: Cn<'a>, #[serde(borrow)] issuer: Cn<'a>, issued: String, expires: String,
        sig_alg: String, #[serde(borrow)] fingerprint: Hashes<'a>,
    }
    Cn { #[serde(rename = "CN")] common_name: String }
    Hashes { sha256: String, sha1: String }
    Cipher { version: String, name: String }
}

pub(crate) fn zgrab2(path: &Path) -> u64 {
    json_lines(path, |line| drop(black_box(serde_json::from_slice::<Zgrab2<'_>>(line).expect("typed"))))
}

pub(crate) fn shodan(path: &Path) -> u64 {
    json_lines(path, |line| drop(black_box(serde_json::from_slice::<Shodan<'_>>(line).expect("typed"))))
}

/// Addresses, ports, and every value of a script with its key.
pub(crate) fn nmap(path: &Path) -> u64 {
    let input = BufReader::with_capacity(BUFFER, File::open(path).expect("it is there"));
    let mut reader = Reader::from_reader(input);
    let (mut buffer, mut hosts, mut value) = (Vec::new(), 0, String::new());
    let mut keys: Vec<String> = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).expect("it is XML") {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name();
                let wanted: &[&str] = match name.as_ref() {
                    "address" => &["addr"],
                    "port" => &["portid", "protocol"],
                    "script" => &["id"],
                    "host" => &["starttime"],
                    "table" | "elem" => &["key"],
                    _ => &[],
                };
                for attribute in tag.attributes().with_checks(false).flatten() {
                    if wanted.contains(&attribute.key.as_ref()) {
                        let text = quick_xml::escape::unescape(&attribute.value).expect("plain").into_owned();
                        if wanted == ["key"] {
                            keys.push(text);
                        } else {
                            black_box(text);
                        }
                    }
                }
                value.clear();
            }
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(reference) => {
                value.extend(reference.resolve_char_ref().ok().flatten());
            }
            Event::End(tag) => match tag.name().as_ref() {
                "elem" => drop(black_box((keys.pop(), std::mem::take(&mut value)))),
                "table" => drop(keys.pop()),
                "host" => hosts += 1,
                _ => {}
            },
            Event::Eof => return hosts,
            _ => {}
        }
    }
}
