//! From the notations of other tools to facts.

use std::borrow::Cow;
use std::net::IpAddr;

use data_encoding::HEXUPPER_PERMISSIVE;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::observe::{Anomaly, Certificate, Hex, Observation, Stage, Status, Tls, X224, X224Answer};

/// What could not be understood in a row: one sentence each.
#[derive(Default)]
pub(super) struct Doubts(pub(super) Vec<String>);

impl Doubts {
    /// The value that a text stands for; nothing, and a doubt, where it stands for none. Empty texts are not known.
    pub(super) fn read<T>(&mut self, name: &str, text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let value = read(text);
        if value.is_none() {
            let shown: String = text.chars().take(60).collect();
            self.0.push(format!("`{name}` cannot be read, and is left out: {shown}"));
        }
        value
    }

    pub(super) fn time(&mut self, name: &str, text: &str) -> Option<Timestamp> {
        self.read(name, text, time)
    }

    /// A hash of so many bytes.
    pub(super) fn hash(&mut self, name: &str, text: &str, length: usize) -> Option<Hex> {
        self.read(name, text, |text| hex(text).filter(|hash| hash.0.len() == length))
    }

    pub(super) fn serial(&mut self, name: &str, text: &str) -> Option<Hex> {
        self.read(name, text, serial_from_hex)
    }
}

/// A time in any notation that the tools use; without a zone it is UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Some(civil) = text.parse::<DateTime>().ok().filter(|_| !text.ends_with(['Z', 'z']) && !has_offset(text)) {
        return utc(civil);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // ASN.1's GeneralizedTime, and the way OpenSSL prints times.
    ["%Y%m%d%H%M%SZ", "%b %e %H:%M:%S %Y GMT"]
        .iter()
        .find_map(|format| strtime::parse(format, text).ok()?.to_datetime().ok())
        .and_then(utc)
}

fn utc(civil: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// Whether an offset from UTC stands after the time of day.
fn has_offset(text: &str) -> bool {
    text.split_once(['T', 't', ' ']).is_some_and(|(_, time)| time.contains(['+', '-']))
}

/// Seconds since 1970, with decimals.
pub(super) fn epoch(text: &str) -> Option<Timestamp> {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: String = decimals.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: i32 = nanoseconds.parse().ok().filter(|number| *number >= 0)?;
    let seconds: i64 = seconds.parse().ok()?;
    Timestamp::new(seconds, if text.starts_with('-') { -nanoseconds } else { nanoseconds }).ok()
}

/// Bytes in hexadecimal of either case, with or without colons between them.
pub(super) fn hex(text: &str) -> Option<Hex> {
    let has_colons = text.as_bytes().get(2) == Some(&b':');
    if !has_colons {
        return HEXUPPER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|bytes| !bytes.is_empty()).map(Hex);
    }
    let mut bytes = Vec::with_capacity(text.len() / 3 + 1);
    for pair in text.as_bytes().split(|byte| *byte == b':') {
        let [high, low] = pair else { return None };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(Hex(bytes))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Text of bytes that should be UTF-8; those that are not become U+FFFD.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // The standard library's own way is slow where all is well.
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The content octets of a serial number that a tool printed as a positive number: DER has a zero before a first bit
/// that would mean a sign (X.690, 8.3).
pub(super) fn serial_from_hex(text: &str) -> Option<Hex> {
    let digits = text.strip_prefix("0x").unwrap_or(text).replace(':', "");
    let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
    Some(positive(&hex(&even)?.0))
}

/// The same for a number in decimal digits.
pub(super) fn serial_from_decimal(text: &str) -> Option<Hex> {
    // RFC 5280 allows 20 octets; 60 are enough for whoever does not keep to it.
    const MAX_DIGITS: usize = 144;
    if text.is_empty() || text.len() > MAX_DIGITS {
        return None;
    }
    let mut octets: Vec<u8> = Vec::new();
    for digit in text.chars() {
        let mut carry = digit.to_digit(10)?;
        for octet in octets.iter_mut().rev() {
            let value = u32::from(*octet) * 10 + carry;
            let [.., low] = value.to_be_bytes();
            (*octet, carry) = (low, value >> 8);
        }
        if carry > 0 || octets.is_empty() {
            let [.., low] = carry.to_be_bytes();
            octets.insert(0, low);
        }
    }
    Some(positive(&octets))
}

fn positive(octets: &[u8]) -> Hex {
    let significant = octets.iter().take(octets.len().saturating_sub(1)).take_while(|octet| **octet == 0).count();
    let mut octets = octets.get(significant..).unwrap_or_default().to_vec();
    if octets.first().is_some_and(|first| *first >= 0x80) {
        octets.insert(0, 0);
    }
    Hex(octets)
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

/// Text that says something.
pub(super) fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first common name of a distinguished name that is written as text, and the whole of it as rdprint writes it:
/// `CN=a,O=b` of RFC 4514, last part first where `is_reversed`.
pub(super) fn distinguished_name(name: &str, is_reversed: bool) -> (Option<String>, Option<String>) {
    let mut parts = split_unescaped(name);
    if is_reversed {
        parts.reverse();
    }
    let common_name = parts.iter().find_map(|part| part.strip_prefix("CN=")).map(unescape_attribute);
    (common_name, (!parts.is_empty()).then(|| parts.join(", ")))
}

fn split_unescaped(name: &str) -> Vec<String> {
    let (mut parts, mut part, mut is_escaped) = (Vec::new(), String::new(), false);
    for character in name.chars() {
        if character == ',' && !is_escaped {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        is_escaped = character == '\\' && !is_escaped;
        part.push(character);
    }
    parts.push(part);
    parts.iter().map(|part| part.trim_start().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn unescape_attribute(value: &str) -> String {
    let (mut plain, mut is_escaped) = (String::new(), false);
    for character in value.chars() {
        if character == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            plain.push(character);
            is_escaped = false;
        }
    }
    plain
}

/// An observation that others made of an endpoint: whatever is known of RDP is filled in afterwards.
pub(super) fn imported(ip: IpAddr, port: u16, seen_at: Timestamp, source: String, scanner: String) -> Observation {
    let mut seen = Observation::begin(ip, port, seen_at);
    seen.source = source;
    seen.scanner = scanner;
    seen.status = Status::Success;
    seen
}

/// Sets the stage to the deepest step that the facts show; a refusal there is one.
pub(super) fn set_stage(seen: &mut Observation) {
    seen.stage = if seen.ntlm.is_some() || seen.credssp.is_some() {
        Stage::Credssp
    } else if seen.mcs.is_some() {
        Stage::Mcs
    } else if seen.tls.is_some() {
        Stage::Tls
    } else if seen.x224.is_some() {
        Stage::X224
    } else {
        Stage::Connect
    };
    let is_refusal = seen.x224.as_ref().is_some_and(|x224| x224.answer == Some(X224Answer::NegotiationFailure));
    if is_refusal && seen.stage == Stage::X224 && seen.status == Status::Success {
        seen.status = Status::ApplicationError;
    }
}

/// The tool says that this is RDP, and not what the answer was.
pub(super) fn reported() -> X224 {
    X224 { answer: Some(X224Answer::Reported), ..X224::default() }
}

/// TLS of which the certificate is all that is known.
pub(super) fn tls_with(certificates: Vec<Certificate>) -> Tls {
    Tls { certificates, ..Tls::default() }
}

/// Whether a certificate holds anything.
pub(super) fn is_known(certificate: &Certificate) -> bool {
    *certificate != Certificate::default()
}

/// Hashes that a source states beside a certificate.
#[derive(Default)]
pub(super) struct Stated {
    pub(super) sha256: Option<Hex>,
    pub(super) sha1: Option<Hex>,
    pub(super) md5: Option<Hex>,
}

impl Stated {
    /// Notes where a hash is not that of the certificate.
    pub(super) fn check(&self, certificate: &Certificate, anomalies: &mut Vec<Anomaly>) {
        let pairs =
            [(&self.sha256, &certificate.sha256), (&self.sha1, &certificate.sha1), (&self.md5, &certificate.md5)];
        if pairs.iter().any(|(stated, known)| stated.is_some() && stated != known) {
            anomalies.push(Anomaly::ImportedHashDiffers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_notation() {
        for text in [
            "2026-11-22 10:00:00",
            "2026-11-22T10:00:00",
            "2026-11-22T10:00:00Z",
            "2026-11-22T11:00:00+01:00",
            "2026-11-22 09:00:00-01:00",
            "2026-11-22T10:00:00.000000",
            "20261122100000Z",
            "Nov 22 10:00:00 2026 GMT",
        ] {
            assert_eq!(time(text).map(|time| time.to_string()).as_deref(), Some("2026-11-22T10:00:00Z"), "{text}");
        }
        for text in ["", "soon", "2026-13-01 00:00:00", "2026-11-22T10:00:00+99:00", "99999999999999Z"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!(epoch("1795341600.25").map(|time| time.to_string()).as_deref(), Some("2026-11-22T10:00:00.25Z"));
        assert_eq!(epoch("-0.5").map(|time| time.to_string()).as_deref(), Some("1969-12-31T23:59:59.5Z"));
        assert_eq!((epoch("1.-5"), epoch("x"), epoch("99999999999999999999")), (None, None, None));
    }

    #[test]
    fn serial_numbers_become_content_octets() {
        let hex = |serial: Option<Hex>| serial.map(|serial| serial.to_string());
        assert_eq!(hex(serial_from_hex("1E:F2")).as_deref(), Some("1ef2"));
        assert_eq!(hex(serial_from_hex("EF2")).as_deref(), Some("0ef2"));
        assert_eq!(hex(serial_from_hex("8001")).as_deref(), Some("008001"));
        assert_eq!(hex(serial_from_hex("0001")).as_deref(), Some("01"));
        assert_eq!(hex(serial_from_decimal("0")).as_deref(), Some("00"));
        assert_eq!(hex(serial_from_decimal("255")).as_deref(), Some("00ff"));
        assert_eq!(hex(serial_from_decimal("1795305613629219409")).as_deref(), Some("18ea34f193a26251"));
        assert_eq!((serial_from_decimal("1e3"), serial_from_decimal(""), serial_from_hex("zz")), (None, None, None));
    }

    #[test]
    fn distinguished_names_keep_their_escapes_apart() {
        let name = distinguished_name("CN=a\\,b,O=c", true);
        assert_eq!(name, (Some("a,b".to_owned()), Some("O=c, CN=a\\,b".to_owned())));
        assert_eq!(distinguished_name("", false), (None, None));
    }
}
