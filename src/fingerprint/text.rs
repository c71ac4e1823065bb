//! Texts of fingerprint files that people read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::visible::is_hidden;

/// Text of a file on one line, as paragraphs are set elsewhere. A space that breaks no line stays what it is: French has
/// one before `;`.
pub(super) fn one_line(text: &str) -> String {
    words(text).collect::<Vec<_>>().join(" ")
}

/// The words of a text, as lines may be broken between them.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|character: char| character.is_whitespace() && !matches!(character, '\u{A0}' | '\u{202F}'));
    parts.filter(|word| !word.is_empty())
}

/// A text for people: not empty, and without characters that nobody can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("a text that people read must not be empty");
        }
        if text.contains(|character| is_hidden(character) && character != '\n') {
            return Err("a text that people read must not hold characters that nobody can see");
        }
        Ok(Self(one_line(&text)))
    }
}

impl Text {
    /// A text of our own.
    pub(super) fn ours(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An address that begins with `https://` or `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebAddress(String);

impl TryFrom<String> for WebAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_web = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
        if is_web { Ok(Self(text)) } else { Err("a `url` begins with https:// or http://") }
    }
}

impl From<WebAddress> for String {
    fn from(address: WebAddress) -> Self {
        address.0
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
