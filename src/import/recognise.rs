//! Which format a file is in, by what stands at its beginning.

use super::Format;

/// How many lines are tried: the first ones may be damaged.
const LINES: usize = 8;

/// The format, if the first bytes are those of one.
pub(super) fn recognise(head: &[u8]) -> Option<Format> {
    let text = head.trim_ascii_start();
    if text.starts_with(b"<") {
        return contains(text, b"<nmaprun").then_some(Format::NmapXml);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(LINES);
    lines.map(<[u8]>::trim_ascii).find_map(of_line)
}

fn of_line(line: &[u8]) -> Option<Format> {
    if line.starts_with(b"{") {
        return of_keys(&top_level_keys(line));
    }
    if line.starts_with(b"#separator") || line.starts_with(b"#fields") {
        return Some(Format::Zeek);
    }
    let names: Vec<&[u8]> = line.split(|byte| *byte == b',').map(|name| name.trim_ascii().trim_quotes()).collect();
    let has = |name: &str| names.contains(&name.as_bytes());
    if has("csv_cells") {
        Some(Format::RdprintCsv)
    } else if has("timestamp") && has("ip") && has("port") {
        Some(Format::Shadowserver)
    } else {
        None
    }
}

/// What a JSON object with these keys is a record of.
fn of_keys(keys: &[&[u8]]) -> Option<Format> {
    let has = |name: &str| keys.contains(&name.as_bytes());
    if has("schema_version") && has("seen_at") {
        Some(Format::RdprintJsonl)
    } else if has("ip_str") || has("_shodan") {
        Some(Format::Shodan)
    } else if has("id.resp_h") || has("certificate.subject") || has("certificate.serial") {
        Some(Format::Zeek)
    } else if has("data") && (has("ip") || has("domain")) {
        Some(Format::Zgrab2)
    } else {
        None
    }
}

trait TrimQuotes {
    fn trim_quotes(&self) -> &[u8];
}

impl TrimQuotes for [u8] {
    fn trim_quotes(&self) -> &[u8] {
        self.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(self)
    }
}

/// The keys of the outermost object of a line, which may break off.
pub(super) fn top_level_keys(line: &[u8]) -> Vec<&[u8]> {
    let (mut keys, mut depth, mut position) = (Vec::new(), 0_usize, 0);
    while let Some(byte) = line.get(position) {
        position += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = position;
                while line.get(position).is_some_and(|byte| *byte != b'"') {
                    position += if line.get(position) == Some(&b'\\') { 2 } else { 1 };
                }
                let text = line.get(start..position).unwrap_or_default();
                position += 1;
                let after = line.get(position..).unwrap_or_default().trim_ascii_start();
                if depth == 1 && after.starts_with(b":") {
                    keys.push(text);
                }
            }
            _ => {}
        }
    }
    keys
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_outermost_object() {
        let line = br#"{"a\"b":{"x":[{"y":1}]}, "c" : "d\\", "e":"{\"f\":1}","g":[1,"h"],"cut"#;
        let keys: Vec<_> = top_level_keys(line).into_iter().map(|key| str::from_utf8(key).unwrap()).collect();
        assert_eq!(keys, [r#"a\"b"#, "c", "e", "g"]);
    }

    #[test]
    fn formats_are_known_by_their_content() {
        for (head, format) in [
            ("<?xml version=\"1.0\"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner=\"nmap\">", Some(Format::NmapXml)),
            ("<html>", None),
            ("{\"schema_version\":1,\"seen_at\":\"", Some(Format::RdprintJsonl)),
            ("schema_version,ip,csv_cells\r\n", Some(Format::RdprintCsv)),
            ("{\"ip\":\"192.0.2.1\",\"data\":{\"rdp\":", Some(Format::Zgrab2)),
            ("broken {\n{\"hash\":1,\"ip_str\":\"192.0.2.1\"", Some(Format::Shodan)),
            ("\"timestamp\",\"ip\",\"port\"\n", Some(Format::Shadowserver)),
            ("#separator \\x09\n#path\trdp\n", Some(Format::Zeek)),
            ("{\"ts\":1,\"uid\":\"C1\",\"id.resp_h\":\"192.0.2.1\"}", Some(Format::Zeek)),
            ("192.0.2.1\n", None),
            ("", None),
        ] {
            assert_eq!(recognise(head.as_bytes()), format, "{head}");
        }
    }
}
