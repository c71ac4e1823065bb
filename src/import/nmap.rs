//! nmap's XML (`-oX`): per port the scripts `rdp-ntlm-info` and `ssl-cert`, put together.
//!
//! A port counts where nmap took it for RDP: by an `rdp-…` script, or by the service name `ms-wbt-server`. Entities of a
//! document type are never expanded.

mod stream;

use std::net::IpAddr;

use jiff::Timestamp;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart};

use super::facts::{Doubts, Stated, address, epoch, imported, is_known, port, reported, set_stage, text, tls_with};
use super::input::Input;
use super::{Flow, ImportError, Item, Reading, chain};
use crate::observe::{Anomaly, Certificate, Ntlm};

const TOOL: &str = "nmap";

/// nmap nests seven deep; what goes beyond this is no report of nmap's.
const MAX_DEPTH: usize = 64;

/// What one value of a script may take; the longest is a certificate.
const MAX_VALUE: usize = 1 << 20;

#[expect(clippy::unnecessary_wraps, reason = "every importer has this shape")]
pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    let Input { name, reader, .. } = input;
    Ok(stream::read(reader, &mut Reading { name: &name, take }))
}

/// What the report has said so far that still matters.
#[derive(Default)]
struct Report {
    scanner: Option<String>,
    start: Option<Timestamp>,
    has_ended: bool,
    depth: usize,
    host: Host,
    port: Option<Port>,
    script: Script,
    /// The keys of the tables and elements of a script that are open.
    keys: Vec<String>,
    /// The text of the innermost element.
    value: String,
}

#[derive(Default)]
struct Host {
    ip: Option<IpAddr>,
    start: Option<Timestamp>,
}

/// A port, and what its scripts said.
#[derive(Default)]
struct Port {
    line: u64,
    number: String,
    is_tcp: bool,
    is_called_rdp: bool,
    spoke_rdp: bool,
    ntlm: Values,
    certificate: Values,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Script {
    #[default]
    None,
    Ntlm,
    Certificate,
}

/// Values by the path of their keys, each once.
#[derive(Default)]
struct Values(Vec<(&'static str, String)>);

impl Values {
    const KEPT: [&'static str; 19] = [
        "Target_Name",
        "NetBIOS_Domain_Name",
        "NetBIOS_Computer_Name",
        "DNS_Domain_Name",
        "DNS_Computer_Name",
        "DNS_Tree_Name",
        "Product_Version",
        "System_Time",
        "subject/commonName",
        "issuer/commonName",
        "pubkey/type",
        "pubkey/bits",
        "sig_algo",
        "validity/notBefore",
        "validity/notAfter",
        "md5",
        "sha1",
        "sha256",
        "pem",
    ];

    fn add(&mut self, path: &str, value: &str) {
        let kept = Self::KEPT.iter().find(|kept| **kept == path);
        if let Some(kept) = kept.filter(|kept| self.0.iter().all(|(known, _)| known != *kept)) {
            self.0.push((kept, value.to_owned()));
        }
    }

    fn find(&self, path: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == path).map_or("", |(_, value)| value)
    }

    fn text(&self, path: &str) -> Option<String> {
        text(self.find(path))
    }
}

impl Report {
    /// A tag opens. `Err` says what is wrong with the document.
    fn start(&mut self, tag: &BytesStart<'_>, line: u64) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
        }
        match tag.name().as_ref() {
            "nmaprun" => {
                let (scanner, version) = (attribute(tag, "scanner"), attribute(tag, "version"));
                let scanner = scanner.unwrap_or_else(|| TOOL.to_owned());
                self.scanner = Some(version.map_or(scanner.clone(), |version| format!("{scanner}/{version}")));
                self.start = attribute(tag, "start").and_then(|start| epoch(&start));
            }
            "host" => self.host = Host { ip: None, start: attribute(tag, "starttime").and_then(|start| epoch(&start)) },
            "address" if self.host.ip.is_none() => {
                self.host.ip = attribute(tag, "addr").and_then(|addr| address(&addr));
            }
            "port" => {
                let is_tcp = attribute(tag, "protocol").as_deref() == Some("tcp");
                let number = attribute(tag, "portid").unwrap_or_default();
                self.port = Some(Port { line, number, is_tcp, ..Port::default() });
            }
            "service" => {
                let is_rdp = attribute(tag, "name").as_deref() == Some("ms-wbt-server");
                if let Some(port) = self.port.as_mut().filter(|_| is_rdp) {
                    port.is_called_rdp = true;
                    // By the table, the name says no more than the number; a probe had an answer.
                    port.spoke_rdp |= attribute(tag, "method").as_deref() == Some("probed");
                }
            }
            "script" => self.start_script(tag),
            "table" | "elem" => {
                self.keys.push(attribute(tag, "key").unwrap_or_default());
                self.value.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn start_script(&mut self, tag: &BytesStart<'_>) {
        let id = attribute(tag, "id").unwrap_or_default();
        self.script = match id.as_str() {
            "rdp-ntlm-info" => Script::Ntlm,
            "ssl-cert" => Script::Certificate,
            _ => Script::None,
        };
        self.keys.clear();
        if let Some(port) = self.port.as_mut().filter(|_| id.starts_with("rdp-")) {
            port.spoke_rdp |= attribute(tag, "output").is_some_and(|output| output.contains("SUCCESS"));
        }
    }

    fn end(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        match name {
            "nmaprun" => self.has_ended = true,
            "host" => self.host = Host::default(),
            "script" => self.script = Script::None,
            "elem" => {
                let path = self.keys.join("/");
                if let Some(port) = &mut self.port {
                    match self.script {
                        Script::Ntlm => {
                            port.spoke_rdp = true;
                            port.ntlm.add(&path, &self.value);
                        }
                        Script::Certificate => port.certificate.add(&path, &self.value),
                        Script::None => {}
                    }
                }
                self.keys.pop();
                self.value.clear();
            }
            "table" => drop(self.keys.pop()),
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        if !self.keys.is_empty() && self.value.len() + text.len() <= MAX_VALUE {
            self.value.push_str(text);
        }
    }

    /// Characters by number and the five names of XML; any other entity stays as it is written.
    fn add_reference(&mut self, reference: &BytesRef<'_>) {
        let name: &str = reference;
        let named = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match named {
            Some(character) => self.add_text(character.encode_utf8(&mut [0; 4])),
            None => self.add_text(&format!("&{name};")),
        }
    }

    /// Hands over the port that ends, or that breaks off.
    fn end_port(&mut self, reading: &mut Reading<'_>) -> Flow {
        let Some(found) = self.port.take() else { return Flow::Continue(()) };
        let has_facts = found.spoke_rdp || !found.certificate.0.is_empty();
        if !found.is_tcp || !(found.spoke_rdp || found.is_called_rdp) || !has_facts {
            return reading.passed_over(&[]);
        }
        let Some(ip) = self.host.ip else { return reading.lost(found.line, "belongs to a host without an address") };
        let Some(number) = port(&found.number) else { return reading.lost(found.line, "has no port in `portid`") };
        let mut doubts = Doubts::default();
        let seen_at = self.host.start.or(self.start).unwrap_or_else(|| {
            doubts.0.push("neither host nor report has a start time; it is given as 1970".to_owned());
            Timestamp::UNIX_EPOCH
        });
        let source = format!("{TOOL}:{}:{}", reading.name, found.line);
        let scanner = self.scanner.clone().unwrap_or_else(|| TOOL.to_owned());
        let mut seen = imported(ip, number, seen_at, source, scanner);
        seen.x224 = found.spoke_rdp.then(reported);
        seen.ntlm = (!found.ntlm.0.is_empty()).then(|| ntlm(&found.ntlm, &mut doubts));
        let mut anomalies = Vec::new();
        let certificates = certificates(&found.certificate, &mut doubts, &mut anomalies);
        seen.tls = (!certificates.is_empty()).then(|| tls_with(certificates));
        seen.note(anomalies);
        set_stage(&mut seen);
        reading.doubts(found.line, doubts.0)?;
        reading.seen(seen, &[])
    }
}

fn ntlm(values: &Values, doubts: &mut Doubts) -> Ntlm {
    Ntlm {
        target_name: values.text("Target_Name"),
        netbios_computer_name: values.text("NetBIOS_Computer_Name"),
        netbios_domain_name: values.text("NetBIOS_Domain_Name"),
        dns_computer_name: values.text("DNS_Computer_Name"),
        dns_domain_name: values.text("DNS_Domain_Name"),
        dns_tree_name: values.text("DNS_Tree_Name"),
        product_version: values.text("Product_Version"),
        system_time: doubts.time("System_Time", values.find("System_Time")),
        ..Ntlm::default()
    }
}

fn certificates(values: &Values, doubts: &mut Doubts, anomalies: &mut Vec<Anomaly>) -> Vec<Certificate> {
    let stated = Stated {
        sha256: doubts.hash("sha256", values.find("sha256"), 32),
        sha1: doubts.hash("sha1", values.find("sha1"), 20),
        md5: doubts.hash("md5", values.find("md5"), 16),
    };
    if let Some(der) = doubts.read("pem", values.find("pem"), chain::from_pem) {
        return chain::certificates([der], &stated, anomalies);
    }
    let certificate = Certificate {
        sha256: stated.sha256,
        sha1: stated.sha1,
        md5: stated.md5,
        subject_cn: values.text("subject/commonName"),
        issuer_cn: values.text("issuer/commonName"),
        not_before: doubts.time("notBefore", values.find("validity/notBefore")),
        not_after: doubts.time("notAfter", values.find("validity/notAfter")),
        signature_algorithm: values.text("sig_algo"),
        public_key_algorithm: (values.find("pubkey/type") == "rsa").then(|| "rsaEncryption".to_owned()),
        public_key_bits: values.find("pubkey/bits").parse().ok(),
        ..Certificate::default()
    };
    is_known(&certificate).then_some(certificate).into_iter().collect()
}

/// The value of an attribute; what it cannot be unescaped to stays as it is written.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let found =
        attributes.with_checks(false).filter_map(Result::ok).find(|attribute| attribute.key.as_ref() == name)?;
    // Tabs and line breaks must stay what they are, so this is not XML's normalisation of attributes.
    Some(unescape(&found.value).map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned))
}
