//! nmap's `rdp-ntlm-info`, a second opinion on NTLM challenges.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

/// What `rdp-ntlm-info` reads at that address, by the script's own names; empty when it reads nothing. `nmap` is the
/// program, started where the address can be reached.
///
/// # Panics
///
/// When nmap cannot be run.
pub(super) fn ntlm_info(nmap: Command, address: SocketAddr) -> BTreeMap<String, String> {
    elements(&report(nmap, address))
}

/// nmap's report in XML of `rdp-ntlm-info` at that address.
///
/// # Panics
///
/// When nmap cannot be run.
pub(super) fn report(mut nmap: Command, address: SocketAddr) -> String {
    // The plus sign runs the script on ports that nmap does not take for RDP. nmap connects twice, to see that the port
    // is open and then for the script: looking at a closed port a second later in between gives the server its pause,
    // without which gnome-remote-desktop refuses the script.
    nmap.args(["-n", "-Pn", "-sT", "--script", "+rdp-ntlm-info", "-oX", "-", "-r", "--scan-delay", "1100ms"]).args([
        "-p",
        &format!("{},65535", address.port()),
        &address.ip().to_string(),
    ]);
    super::process::run(&mut nmap).unwrap_or_else(|why| panic!("{why}"))
}

/// The `<elem key="K">V</elem>` of the script's result. nmap writes no `<` or `"` of a peer's unescaped, so these
/// marks are its own.
fn elements(xml: &str) -> BTreeMap<String, String> {
    let result = xml.split_once("<script id=\"rdp-ntlm-info\"").and_then(|(_, rest)| rest.split_once("</script>"));
    let Some((result, _)) = result else { return BTreeMap::new() };
    let element = |text: &str| {
        let (key, rest) = text.split_once("\">")?;
        let (value, _) = rest.split_once("</elem>")?;
        Some((unescape(key), unescape(value)))
    };
    result.split("<elem key=\"").skip(1).filter_map(element).collect()
}

/// The text that XML escapes stand for; what is not an escape stays as it is.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let escape = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (character, after) = escape.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(escape: &str) -> Option<char> {
    match escape {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = escape.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[test]
fn nmap_elements_are_read_unescaped() {
    let xml = concat!(
        r#"<port portid="3389"><script id="other" output=""><elem key="Target_Name">WRONG</elem></script>"#,
        r#"<script id="rdp-ntlm-info" output="&#xa;  Target_Name: A&amp;B"><elem key="Target_Name">A&amp;B&#x7;&lt;&unknown; &amp</elem>"#,
        "\n",
        r#"<elem key="Product_Version">6.1.7601</elem></script></port><elem key="Later">no</elem>"#,
    );
    let expected = [("Product_Version", "6.1.7601"), ("Target_Name", "A&B\u{7}<&unknown; &amp")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(elements(xml), BTreeMap::from(expected));
    assert_eq!(elements("<nmaprun/>"), BTreeMap::new());
}
