//! Every way in which addresses are commonly spelled in texts. docs/cases.md names those that are not found.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::Regex;

use crate::proto::der::{self, Element};
use crate::visible::is_hidden;

/// What one spelling may stand for: where it can be read in two orders, both.
pub(super) type Readings = Vec<IpAddr>;

/// Percent-encoding, character references of HTML, and the escapes of [`visible`](crate::visible::visible) and of JSON.
static ESCAPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"%([0-9A-Fa-f]{2})|&#[xX]([0-9A-Fa-f]{1,6})\\?;|&#([0-9]{1,7})\\?;|\\u\{([0-9A-Fa-f]{1,6})\}|\\u([0-9A-Fa-f]{4})",
    )
    .ok()
});
/// Numbers with a meaning of their own: UUIDs, and object identifiers of companies, of PKIX, of Kerberos and of X.500.
static NO_ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    Regex::new(&format!(r"(^|[^0-9a-z.])(?:{uuid}|1\.3\.6\.1\.(?:4\.1|5\.5\.7|5\.2)(?:\.\d+)+|2\.5\.(?:4|29)\.\d+)"))
        .ok()
});
/// Escapes of escapes are followed so far.
const DEEPEST: usize = 3;

/// Those in a text that somebody chose as a name. As little else stands there, numbers without separators and those with any
/// sign between them count too.
pub(super) fn in_name(text: &str) -> Vec<Readings> {
    let text = plain(text);
    let mut found = quads(&text, |gaps| gaps.iter().all(|gap| gap.chars().count() <= 4));
    found.extend(grouped(&text));
    found.extend(nibbles(&text));
    found.extend(bare_numbers(&text));
    found
}

/// Those in a text with dates, versions and hashes in it: only numbers between which the same sign stands each time.
pub(super) fn in_prose(text: &str) -> Vec<Readings> {
    let text = plain(text);
    let mut found = separated(&text);
    found.extend(grouped(&text));
    found.extend(nibbles(&text));
    found
}

/// Those in the texts that may lie in a message or certificate.
pub(super) fn in_bytes(bytes: &[u8]) -> Vec<Readings> {
    let mut values = Vec::new();
    if bytes.first() == Some(&der::SEQUENCE) && take_apart(bytes, 0, &mut values) {
        values.into_iter().flat_map(|value| in_run(value, false)).collect()
    } else {
        in_run(bytes, true)
    }
}

/// The values of DER that has nothing else in it: where one ends, a digit does not run on into the tag of the next. Those of an
/// OCTET STRING are taken apart where they can be, since extensions lie in such.
fn take_apart<'a>(mut bytes: &'a [u8], depth: usize, values: &mut Vec<&'a [u8]>) -> bool {
    const DEEPEST: usize = 32;
    const CONSTRUCTED: u8 = 0x20;
    if bytes.is_empty() || depth > DEEPEST {
        return bytes.is_empty();
    }
    while !bytes.is_empty() {
        let Some(Element { tag, content, .. }) = der::read(&mut bytes) else { return false };
        let mut inner = Vec::new();
        if tag & CONSTRUCTED != 0 {
            if !take_apart(content, depth + 1, &mut inner) {
                return false;
            }
            values.extend(inner);
        } else if tag == der::OCTET_STRING && take_apart(content, depth + 1, &mut inner) {
            values.extend(inner);
        } else {
            values.push(content);
        }
    }
    true
}

/// Those in one run of bytes; `is_raw` if nobody knows where its texts begin and end.
fn in_run(bytes: &[u8], is_raw: bool) -> Vec<Readings> {
    /// `0.0.0.0`.
    const SHORTEST: usize = 7;
    let wide = |offset: usize, unit: fn([u8; 2]) -> u16| -> String {
        let pairs = bytes.get(offset..).unwrap_or_default().as_chunks::<2>().0;
        let units = pairs.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    let is_no_text = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    let narrow = String::from_utf8_lossy(bytes);
    // A value begins where it begins; begun one octet later, its text would lack a character.
    let offsets = if is_raw { [0, 1].as_slice() } else { &[0] };
    let wide =
        offsets.iter().flat_map(|offset| [u16::from_le_bytes, u16::from_be_bytes].map(|unit| wide(*offset, unit)));
    let wide: Vec<String> = wide.collect();
    let mut texts: Vec<&str> = narrow.split(is_no_text).collect();
    if is_raw {
        // What looks like the first digit may be the octet that tells the text's length, and a last 0 the tag of a SEQUENCE.
        let cut = |text: &&'_ str| text.len() > SHORTEST;
        let headless: Vec<&str> = texts
            .iter()
            .filter(|text| cut(text))
            .filter_map(|text| text.strip_prefix(|first: char| first.is_ascii_digit()))
            .collect();
        let tailless: Vec<&str> =
            texts.iter().chain(&headless).filter(|text| cut(text)).filter_map(|text| text.strip_suffix('0')).collect();
        texts.extend(headless);
        texts.extend(tailless);
    }
    texts.extend(wide.iter().flat_map(|reading| reading.split(is_no_text)));
    let mut found = Vec::new();
    for text in texts.into_iter().filter(|text| text.len() >= SHORTEST) {
        let text = plain(text);
        found.extend(separated(&text));
        found.extend(grouped(&text));
        found.extend(nibbles(&text));
        found.extend(bare_numbers(&text));
    }
    found
}

/// The text as it is meant to be read: without escapes and hidden characters, in the plain form of each character (Unicode's
/// NFKC), and in small letters.
fn plain(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for _ in 0..DEEPEST {
        let Some(decoded) = unescaped(&text) else { break };
        text = Cow::Owned(decoded);
    }
    let seen: String = text.chars().filter(|character| !is_hidden(*character)).collect();
    let seen = ComposingNormalizerBorrowed::new_nfkc().normalize(&seen).to_lowercase();
    NO_ADDRESS.as_ref().map_or_else(|| seen.clone(), |pattern| pattern.replace_all(&seen, "$1 ").into_owned())
}

/// The text without one layer of escapes, if there is one.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut after = 0;
    for escape in ESCAPED.as_ref()?.captures_iter(text) {
        let whole = escape.get(0)?;
        bytes.extend_from_slice(text.get(after..whole.start())?.as_bytes());
        after = whole.end();
        let part = |group| escape.get(group).map(|part| part.as_str());
        if let Some(octet) = part(1).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(octet);
            continue;
        }
        let code = match part(3) {
            Some(decimal) => decimal.parse().ok(),
            None => [2, 4, 5].into_iter().find_map(part).and_then(|hex| u32::from_str_radix(hex, 16).ok()),
        };
        let character = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    bytes.extend_from_slice(text.get(after..)?.as_bytes());
    (after > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Four numbers between which the same sign stands each time, blanks around it or alone.
fn separated(text: &str) -> Vec<Readings> {
    const SIGNS: [&str; 6] = ["", ".", "-", "_", ":", "/"];
    quads(text, |[first, second, third]| {
        let sign = first.trim();
        SIGNS.contains(&sign) && second.trim() == sign && third.trim() == sign
    })
}

/// Every four numbers in a row that make an address, in this order and in that of the reverse DNS. Neither letters nor digits stand
/// between them, and what does, `is_gap` takes.
fn quads(text: &str, is_gap: impl Fn([&str; 3]) -> bool) -> Vec<Readings> {
    /// In up to seven numbers there is room for one address, wherever of four places it begins; in more there is room for two.
    const ONE: usize = 4;
    let numbers = runs(text, |character| character.is_ascii_digit());
    let quad = |run: &[Range<usize>]| {
        let [first, second, third, fourth] = run else { return None };
        let gap = |before: &Range<usize>, after: &Range<usize>| {
            text.get(before.end..after.start).filter(|gap| !gap.contains(char::is_alphanumeric))
        };
        let gaps = [gap(first, second)?, gap(second, third)?, gap(third, fourth)?];
        let part = |run: &Range<usize>| {
            let digits = text.get(run.clone())?.trim_start_matches('0');
            if digits.is_empty() { Some(0) } else { digits.parse::<u8>().ok() }
        };
        let parts = [part(first)?, part(second)?, part(third)?, part(fourth)?];
        is_gap(gaps).then_some(parts)
    };
    let both = |[a, b, c, d]: [u8; 4]| [Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(d, c, b, a)];
    let quads: Vec<Option<[u8; 4]>> = numbers.windows(4).map(quad).collect();
    let rows = quads.chunk_by(|before, after| before.is_some() && after.is_some());
    let readings = rows.flat_map(|row| row.chunks(if row.len() <= ONE { ONE } else { 1 }));
    readings.map(|quads| quads.iter().copied().flatten().flat_map(both).filter_map(used).collect()).collect()
}

/// The longest pieces of a text in which all characters are such ones.
fn runs(text: &str, is_such: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (start, character) in text.char_indices().filter(|(_, character)| is_such(*character)) {
        let end = start + character.len_utf8();
        match runs.last_mut() {
            Some(run) if run.end == start => run.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

/// IPv6 in groups, with colons or what host names have in their place. Letters before it may look like a part of it.
fn grouped(text: &str) -> Vec<Readings> {
    /// Eight groups of four and seven signs.
    const LONGEST: usize = 39;
    let mut found = Vec::new();
    for sign in [':', '-', '_'] {
        let is_part = |character: char| character.is_ascii_hexdigit() || character == sign;
        for run in runs(text, is_part) {
            let run = text.get(run).unwrap_or_default();
            if run.matches(sign).count() < 2 {
                continue;
            }
            let groups = runs(run, |character| character != sign);
            // A group has at most four digits; what stands before them is a word's end.
            let starts = groups.iter().map(|group| group.start.max(group.end.saturating_sub(4)));
            let mapped = run.starts_with([sign, sign].as_slice()).then_some(0);
            let readings: Readings = mapped
                .into_iter()
                .chain(starts)
                .filter_map(|start| {
                    let rest: String = run.get(start..)?.chars().take(LONGEST).collect();
                    let rest = rest.replace(sign, ":");
                    (2..=rest.len()).rev().find_map(|end| rest.get(..end)?.parse::<Ipv6Addr>().ok())
                })
                .filter_map(used_v6)
                .collect();
            found.push(readings);
        }
    }
    found
}

/// IPv6 as the reverse DNS has it: 32 single digits.
fn nibbles(text: &str) -> Vec<Readings> {
    let parts: Vec<Option<u8>> = text
        .split(|character: char| !character.is_alphanumeric())
        .map(|part| match part.as_bytes() {
            [digit] => char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()),
            _ => None,
        })
        .collect();
    let add = |bits: u128, digit: &Option<u8>| Some(bits << 4 | u128::from((*digit)?));
    let windows = parts.windows(32).filter_map(|window| {
        let orders = [window.iter().try_fold(0, add)?, window.iter().rev().try_fold(0, add)?];
        Some(orders.into_iter().filter_map(|bits| used_v6(Ipv6Addr::from_bits(bits))).collect())
    });
    windows.collect()
}

/// Addresses as one number: words of eight or 32 hexadecimal digits, or of a decimal number, that are no date.
fn bare_numbers(text: &str) -> Vec<Readings> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    let numbers = words.map(|word| {
        let digits = ["0x", "ip"].into_iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hex = (is_hex && digits.len() == 8 && !is_date(digits)).then(|| u32::from_str_radix(digits, 16).ok());
        let decimal = (8..=10).contains(&digits.len()) && !is_date(digits);
        let decimal = (decimal && digits == word).then(|| digits.parse::<u32>().ok());
        let v4 = [hex, decimal].into_iter().flatten().flatten().filter_map(|bits| used(Ipv4Addr::from_bits(bits)));
        let v6 = (is_hex && digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok()).flatten();
        v4.chain(v6.and_then(|bits| used_v6(Ipv6Addr::from_bits(bits)))).collect()
    });
    numbers.collect()
}

/// `20261122`, which people put into names.
fn is_date(digits: &str) -> bool {
    let part = |range: Range<usize>| digits.get(range).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    digits.len() == 8
        && (1980..=2099).contains(&part(0..4))
        && (1..=12).contains(&part(4..6))
        && (1..=31).contains(&part(6..8))
}

/// Nobody has an address that begins with 0.
fn used(address: Ipv4Addr) -> Option<IpAddr> {
    (address.octets()[0] != 0).then_some(IpAddr::V4(address))
}

/// Global unicast and unique local addresses (RFC 4291, 2.4; RFC 4193), and IPv4 in its mapped form.
fn used_v6(address: Ipv6Addr) -> Option<IpAddr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return used(mapped);
    }
    let first = address.segments()[0];
    let is_used = first & 0xE000 == 0x2000 || first & 0xFE00 == 0xFC00;
    is_used.then_some(IpAddr::V6(address))
}

#[cfg(test)]
#[path = "spelled_tests.rs"]
mod tests;
