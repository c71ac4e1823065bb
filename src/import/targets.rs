//! Lists of targets: what other scanners found open, as lines that `rdprint scan -f` reads.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;

use super::csv_rows::{CsvRows, Row};
use super::facts::{address, port};
use super::input::Input;
use super::json::{List, Object, Scalar, each_line};
use super::recognise::top_level_keys;
use super::{Flow, ImportError, Item, Reading};

/// One line of a target list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// An address, on the ports of the scan.
    Address(IpAddr),
    /// An address on a port of its own.
    Endpoint(SocketAddr),
}

impl fmt::Display for Listed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(out),
            Self::Endpoint(endpoint) => endpoint.fmt(out),
        }
    }
}

/// How a list is written.
enum Notation {
    /// masscan `-oL`: `open tcp 3389 192.0.2.7 1795341600`.
    Masscan,
    /// JSON objects, one a line: masscan's `-oJ` and `-oD`, naabu's `-json`.
    Json,
    /// Addresses and endpoints, one a line: zmap, naabu.
    Plain,
    /// CSV with a header: zmap with several fields, Shadowserver.
    Csv,
}

/// Reads a list and hands over what it names, in its order and as often as it does.
pub fn read_targets(path: &Path, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    let input = Input::open(path)?;
    if input.head.trim_ascii().is_empty() {
        return Ok(Flow::Continue(()));
    }
    let Some(notation) = notation(&input.head) else { return Err(ImportError::NoTargetList(input.name)) };
    match notation {
        Notation::Csv => read_csv(input, take),
        Notation::Masscan => Ok(read_lines(input, take, masscan_line)),
        Notation::Plain => Ok(read_lines(input, take, plain_line)),
        Notation::Json => Ok(read_lines(input, take, json_line)),
    }
}

fn notation(head: &[u8]) -> Option<Notation> {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#") && *line != b"[").take(8);
    lines.find_map(|line| {
        let text = String::from_utf8_lossy(line);
        let names: Vec<&str> = text.split(',').map(|name| name.trim().trim_matches('"')).collect();
        if line.starts_with(b"{") {
            let keys = top_level_keys(line);
            let has = |name: &str| keys.contains(&name.as_bytes());
            (has("ip") || has("host")).then_some(Notation::Json)
        } else if text.starts_with("open ") || text.starts_with("banner ") {
            Some(Notation::Masscan)
        } else if names.iter().any(|name| matches!(*name, "saddr" | "ip")) {
            Some(Notation::Csv)
        } else {
            plain_line(line).is_ok().then_some(Notation::Plain)
        }
    })
}

/// What a line names; several for a host with several ports.
type Named = Result<Vec<Listed>, &'static str>;

fn read_lines(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow, read: fn(&[u8]) -> Named) -> Flow {
    each_line(input, take, |line, number, reading| match read(line) {
        Ok(targets) => targets.into_iter().try_for_each(|target| (reading.take)(Item::Target(target))),
        Err(what) => reading.lost(number, what),
    })
}

/// `open tcp 3389 192.0.2.7 1795341600`; comments, and banners of ports that were listed already, name nothing.
fn masscan_line(line: &[u8]) -> Named {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["open", "tcp", number, ip, ..] => endpoint(ip, number).map(|target| vec![target]),
        ["open" | "banner", ..] => Ok(Vec::new()),
        [first, ..] if first.starts_with('#') => Ok(Vec::new()),
        _ => Err("is no line of masscan's -oL"),
    }
}

/// `192.0.2.7`, `192.0.2.7:3390`, `[2001:db8::7]:3390`, and zmap's header of one field.
fn plain_line(line: &[u8]) -> Named {
    let text = String::from_utf8_lossy(line);
    let text = text.trim().trim_start_matches('\u{FEFF}').trim_matches('"');
    if text.starts_with('#') || text == "saddr" {
        return Ok(Vec::new());
    }
    let found = text.parse::<SocketAddr>().ok().filter(|found| found.port() > 0);
    let found = found.map(|found| Listed::Endpoint(SocketAddr::new(found.ip().to_canonical(), found.port())));
    let found = found.or_else(|| address(text).map(Listed::Address));
    found.map(|target| vec![target]).ok_or("is neither an address nor an endpoint")
}

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow, default)]
    ip: Scalar<'a>,
    #[serde(borrow, default)]
    host: Scalar<'a>,
    #[serde(borrow, default)]
    port: Either<'a>,
    #[serde(borrow, default)]
    ports: List<Object<FoundPort<'a>>>,
}

#[derive(Deserialize)]
struct FoundPort<'a> {
    #[serde(borrow, default, alias = "Port")]
    port: Scalar<'a>,
    #[serde(borrow, default)]
    proto: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
}

/// naabu writes a number; its older versions wrote an object with it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Either<'a> {
    Number(u16),
    Inside(#[serde(borrow)] FoundPort<'a>),
    Nothing(serde::de::IgnoredAny),
}

impl Default for Either<'_> {
    fn default() -> Self {
        Self::Nothing(serde::de::IgnoredAny)
    }
}

/// An object of masscan's or naabu's; the brackets and commas around it are masscan's.
fn json_line(line: &[u8]) -> Named {
    let object = line.trim_ascii();
    let object = object.strip_suffix(b",").unwrap_or(object);
    let object = object.strip_prefix(b",").unwrap_or(object).trim_ascii();
    // Older versions of masscan end their lists with a line that is no JSON.
    if matches!(object, b"[" | b"]" | b"") || object.starts_with(b"{finished") {
        return Ok(Vec::new());
    }
    let found: Found<'_> = serde_json::from_slice(object).map_err(|_| "is no JSON object")?;
    let ip = found.ip.as_str().or(found.host.as_str()).ok_or("names no address in `ip` or `host`")?;
    let is_open = |port: &&FoundPort<'_>| {
        !matches!(port.proto.or_empty(), "udp" | "sctp") && matches!(port.status.or_empty(), "" | "open")
    };
    match &found.port {
        Either::Number(number) => endpoint(ip, &number.to_string()).map(|target| vec![target]),
        Either::Inside(inside) => endpoint(ip, inside.port.or_empty()).map(|target| vec![target]),
        Either::Nothing(_) if found.ports.0.is_empty() => {
            Ok(vec![Listed::Address(address(ip).ok_or("names no address in `ip` or `host`")?)])
        }
        Either::Nothing(_) => {
            let open = found.ports.0.iter().filter_map(|port| port.0.as_ref()).filter(is_open);
            open.map(|port| endpoint(ip, port.port.or_empty())).collect()
        }
    }
}

fn endpoint(ip: &str, number: &str) -> Result<Listed, &'static str> {
    let ip = address(ip).ok_or("names no IP address")?;
    let port = port(number).ok_or("names no TCP port")?;
    Ok(Listed::Endpoint(SocketAddr::new(ip, port)))
}

/// By the names of the columns: `saddr` and `sport` of zmap, `ip` and `port` of Shadowserver and naabu.
fn read_csv(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    let Input { name, reader, .. } = input;
    let mut rows = CsvRows::of(reader);
    let mut reading = Reading { name: &name, take };
    if let ControlFlow::Break(flow) = rows.read_header(&mut reading) {
        return Ok(flow);
    }
    let column = |wanted: [&str; 2]| rows.cells().position(|cell| wanted.iter().any(|name| name.as_bytes() == cell));
    let Some(ip) = column(["ip", "saddr"]) else {
        return Err(ImportError::Column(name.clone(), "ip", "no row names a target"));
    };
    let (port, width) = (column(["port", "sport"]), rows.len());
    Ok(loop {
        let flow = match rows.next_of(width) {
            Ok(Row::End) => break Flow::Continue(()),
            Ok(Row::TooLong) => reading.too_long(rows.line),
            Ok(Row::Misfit(what)) => reading.lost(rows.line, what),
            Ok(Row::Whole) => {
                let cell = |position| String::from_utf8_lossy(rows.cell(position));
                let target = match port {
                    Some(port) => endpoint(&cell(ip), &cell(port)),
                    None => address(&cell(ip)).map(Listed::Address).ok_or("names no IP address"),
                };
                match target {
                    Ok(target) => (reading.take)(Item::Target(target)),
                    Err(what) => reading.lost(rows.line, what),
                }
            }
            Err(error) => break reading.broken(rows.line, &error),
        };
        if flow.is_break() {
            break flow;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(read: fn(&[u8]) -> Named, line: &str) -> Result<Vec<String>, &'static str> {
        read(line.as_bytes()).map(|targets| targets.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn masscan_lists_are_read() {
        assert_eq!(named(masscan_line, "open tcp 3389 192.0.2.7 1795341600"), Ok(vec!["192.0.2.7:3389".to_owned()]));
        assert_eq!(named(masscan_line, "open tcp 3390 2001:db8::7 1"), Ok(vec!["[2001:db8::7]:3390".to_owned()]));
        assert_eq!(named(masscan_line, "open udp 3389 192.0.2.7 1"), Ok(vec![]));
        assert_eq!(named(masscan_line, "# end"), Ok(vec![]));
        assert!(named(masscan_line, "open tcp 0 192.0.2.7 1").is_err());
        let json = r#"{   "ip": "192.0.2.7",   "timestamp": "1795341600", "ports": [ {"port": 3389, "proto": "tcp", "status": "open", "reason": "syn-ack", "ttl": 64}, {"port": 53, "proto": "udp", "status": "open"}, {"port": 1, "proto": "tcp", "status": "closed"} ] },"#;
        assert_eq!(named(json_line, json), Ok(vec!["192.0.2.7:3389".to_owned()]));
        assert_eq!(named(json_line, "["), Ok(vec![]));
    }

    #[test]
    fn naabu_and_zmap_lists_are_read() {
        let number = r#"{"host":"rdp.example.com","ip":"192.0.2.7","port":3390,"protocol":"tcp"}"#;
        assert_eq!(named(json_line, number), Ok(vec!["192.0.2.7:3390".to_owned()]));
        let object = r#"{"ip":"192.0.2.7","port":{"Port":3391,"Protocol":0}}"#;
        assert_eq!(named(json_line, object), Ok(vec!["192.0.2.7:3391".to_owned()]));
        assert!(named(json_line, r#"{"host":"rdp.example.com","port":3390}"#).is_err());
        assert_eq!(named(plain_line, "192.0.2.7"), Ok(vec!["192.0.2.7".to_owned()]));
        assert_eq!(named(plain_line, "[2001:db8::7]:3390"), Ok(vec!["[2001:db8::7]:3390".to_owned()]));
        assert_eq!(named(plain_line, "saddr"), Ok(vec![]));
        assert!(named(plain_line, "192.0.2.7:0").is_err());
    }
}
