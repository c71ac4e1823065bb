//! Makes foreign text safe to look at.

mod json;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use json::{json, pretty_json};

/// The text with every character that steers a terminal or hides itself written as `\u{…}`: control characters
/// (line breaks and escape among them), bidirectional controls, zero-width and tag characters.
///
/// A backslash stays as it is: the result is for eyes, not for parsing back.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            // Writing into a String cannot fail.
            let _infallible = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal would obey the character, or show nothing for it (Unicode categories Cc, Cf, Zl and Zp, as far
/// as they are used to deceive).
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{115F}' | '\u{1160}'
            | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn hidden_characters_become_visible_and_others_stay() {
        assert_eq!(visible("WIN-ÄÖ名 \\"), "WIN-ÄÖ名 \\");
        assert_eq!(visible("a\u{1b}[31m\r\nb"), "a\\u{1b}[31m\\u{d}\\u{a}b");
        assert_eq!(visible("gpj\u{202e}exe\u{200b}\u{9b}\u{e0041}"), "gpj\\u{202e}exe\\u{200b}\\u{9b}\\u{e0041}");
    }
}
