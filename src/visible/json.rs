//! JSON that is safe to look at.

use std::fmt::Write as _;

use serde::Serialize;

use super::is_hidden;

/// A value as JSON on one line, in which hidden characters are written as `\u` escapes: the same text to a parser, harmless to
/// a terminal.
///
/// # Errors
/// If the value has no JSON form.
pub fn json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    serde_json::to_string(value).map(escaped)
}

/// The same on many lines, for files that people read.
///
/// # Errors
/// If the value has no JSON form.
pub fn pretty_json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(escaped)
}

/// Outside its strings JSON has no hidden character but the line breaks that make it pretty; inside they are escaped already.
fn escaped(json: String) -> String {
    // Most text is plain, hexadecimal and base64 above all, and one look at its bytes is enough.
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return json;
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_hidden(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing into a String cannot fail.
            let _infallible = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{json, pretty_json};

    #[test]
    fn hidden_characters_are_escaped_and_mean_the_same() {
        let text = "Ä名\u{9b}31m\u{202e}\u{200b}\u{7f}\u{e0041}\r\n\"";
        let shown = json(text).unwrap();
        assert_eq!(shown, r#""Ä名\u009b31m\u202e\u200b\u007f\udb40\udc41\r\n\"""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        assert_eq!(pretty_json(&[text]).unwrap(), format!("[\n  {shown}\n]"));
    }
}
