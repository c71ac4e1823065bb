//! One look by each program, and what it got.

use std::io;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::Value;

/// How long one run of nmap may take over one host; it is killed some seconds later.
const NMAP_LIMIT: u64 = 25;
/// Between two runs.
const PAUSE: Duration = Duration::from_millis(1100);

/// What there was to get.
pub(crate) struct Truth {
    /// The host's own certificate in DER.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// What one program got from one host.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The security protocol that it says was agreed on.
    pub(crate) protocol: String,
    /// Where it has the machine's name from.
    pub(crate) name: String,
    /// Whether it has the certificate, or the bare key of classic RDP.
    pub(crate) certificate: String,
    /// How its look ended.
    pub(crate) ended: String,
    pub(crate) took: Duration,
}

/// rdprint as it is released.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rdprint"))
}

/// The first line of what a program says about its version.
pub(crate) fn version(name: &str, flag: &str) -> io::Result<String> {
    let output = Command::new(name).arg(flag).output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
}

/// The first certificate of a PEM file.
pub(crate) fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (base64, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let base64: String = base64.split_whitespace().collect();
    BASE64.decode(base64.as_bytes()).ok()
}

/// Lets rdprint look. `command` starts it where the host can be reached.
pub(crate) fn rdprint(mut command: Command, ip: Ipv4Addr, port: u16, truth: &Truth) -> Look {
    command.args(["scan", &ip.to_string(), "-p", &port.to_string(), "--write", "all", "--format", "jsonl"]);
    let start = Instant::now();
    let output = command.output().expect("rdprint can be started");
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.lines().count() == 1, "no record: {output:?}");
    let record: Value = serde_json::from_str(&text).expect("a record is JSON");
    let word = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let refused = record["x224"]["failure_code"].as_u64().map(|code| format!("refuses with {code}"));
    let selected = Some(word("/x224/selected_protocol")).filter(|protocol| !protocol.is_empty());
    let bare = (record["x224"]["answer"] == "confirm-only").then(|| "rdp (bare confirm)".to_owned());
    let mut protocol = selected.or(refused).or(bare).unwrap_or_else(|| "–".to_owned());
    if let Some(version) = record["tls"]["version"].as_str() {
        let via = if record["tls"]["via"] == "clear-flight" { ", in clear" } else { "" };
        protocol = format!("{protocol}, {version}{via}");
    }
    if let Some(method) = record["mcs"]["encryption_method"].as_str() {
        protocol = format!("{protocol}, MCS {method}");
    }
    let step = if record["tls"]["certificates"].is_array() { "tls" } else { "mcs" };
    let leaf = &record[step]["certificates"][0];
    let der = leaf["der"].as_str().and_then(|der| BASE64.decode(der.as_bytes()).ok());
    let certificate = match der {
        None if leaf["spki_sha256"].is_string() => "bare key".to_owned(),
        Some(_) if step == "mcs" && leaf["parse_error"].is_string() => "bytes that are none".to_owned(),
        der => judge(der, truth),
    };
    let sources =
        [("NTLM", record["ntlm"]["netbios_computer_name"].as_str()), ("certificate", leaf["subject_cn"].as_str())];
    let ended = format!("{} at {}", word("/status"), word("/stage"));
    Look { protocol, name: named(sources), certificate, ended, took }
}

/// Lets nmap look, by the scripts that it has for RDP and certificates, in two runs: beside `ssl-cert` on a port that is not
/// 3389, `rdp-ntlm-info` says nothing where it says everything alone. `timeout` makes a timeout(1) that starts where the host
/// can be reached. Without `all` only the first run is made, whose script connects once.
pub(crate) fn nmap(timeout: impl Fn() -> Command, ip: Ipv4Addr, port: u16, truth: &Truth, all: bool) -> Look {
    let run = |options: &[&str]| {
        let (limit, kill) = (format!("{NMAP_LIMIT}s"), (NMAP_LIMIT + 15).to_string());
        let mut command = timeout();
        command.args([&kill, "nmap", "-n", "-Pn", "-sT", "-oX", "-", "--host-timeout", &limit]);
        command.args(options).arg(ip.to_string()).output().expect("timeout(1) can be started")
    };
    let start = Instant::now();
    // A closed port looked at before the script gives the server its pause after the look at the port.
    let ports = format!("{port},65535");
    let mut outputs = vec![run(&["--script", "+rdp-ntlm-info", "-r", "--scan-delay", "1100ms", "-p", &ports])];
    if all {
        std::thread::sleep(PAUSE);
        outputs.push(run(&["--script", "+rdp-enum-encryption,+ssl-cert", "-p", &port.to_string()]));
    }
    let took = start.elapsed();
    let is_killed = outputs.iter().any(|output| !output.status.success());
    let xml: String = outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    let script = |id: &str| {
        let (_, rest) = xml.split_once(&format!("<script id=\"{id}\""))?;
        rest.split_once("</script>").map_or(Some(rest), |(script, _)| Some(script))
    };
    let element = |script: Option<&str>, key: &str| {
        let (_, rest) = script?.split_once(&format!("<elem key=\"{key}\">"))?;
        rest.split_once("</elem>").map(|(value, _)| value.to_owned())
    };
    let (ntlm, encryption, tls) = (script("rdp-ntlm-info"), script("rdp-enum-encryption"), script("ssl-cert"));
    let name = element(ntlm, "NetBIOS_Computer_Name");
    let common_name = element(tls, "commonName");
    let certificate = judge(element(tls, "pem").and_then(|pem| der_of_pem(&pem.replace("&#xa;", "\n"))), truth);
    let protocol = encryption.map(security_layers).filter(|layers| !layers.is_empty());
    let ended = if is_killed {
        "killed".to_owned()
    } else if xml.contains("timedout=\"true\"") {
        "host time-out".to_owned()
    } else if ntlm.or(encryption).or(tls).is_some() {
        "scripts spoke".to_owned()
    } else {
        "port open, scripts silent".to_owned()
    };
    let name = named([("NTLM", name.as_deref()), ("certificate", common_name.as_deref())]);
    Look { protocol: protocol.unwrap_or_else(|| "–".to_owned()), name, certificate, ended, took }
}

/// The security layers that rdp-enum-encryption calls a success, and the levels and version behind them.
fn security_layers(script: &str) -> String {
    let Some((_, output)) = script.split_once("output=\"") else { return String::new() };
    let output = output.split_once("\">").map_or(output, |(output, _)| output).replace("&#xa;", "\n");
    let success = output.lines().filter_map(|line| line.trim().strip_suffix(": SUCCESS"));
    success.map(str::trim).collect::<Vec<_>>().join("; ").replace('|', "/")
}

/// Which of the sources gave a name.
fn named<const N: usize>(sources: [(&str, Option<&str>); N]) -> String {
    let given = sources.into_iter().filter(|(_, name)| name.is_some_and(|name| !name.trim().is_empty()));
    let given: Vec<&str> = given.map(|(source, _)| source).collect();
    if given.is_empty() { "–".to_owned() } else { given.join(", ") }
}

fn judge(der: Option<Vec<u8>>, truth: &Truth) -> String {
    let verdict = match (der, &truth.certificate) {
        (None, _) => "–",
        (Some(der), Some(own)) if der == *own => "whole",
        (Some(_), _) => "ANOTHER",
    };
    verdict.to_owned()
}
