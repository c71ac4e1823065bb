//! Values as files give them, read as what the field that they are compared with holds.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use super::compile::{Compiled, Complaint};
use super::operator::Operator;
use super::period::period;
use super::subject::{COMPUTER_NAME, Nature, Subject};
use crate::observe::nearest;
use crate::visible::is_hidden;

/// A value as TOML has it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a value is a text, a whole number, true, false or a date")]
pub(super) enum Literal {
    Integer(i64),
    Boolean(bool),
    Time(toml::value::Datetime),
    Text(String),
}

/// Reads literals as values of one subject.
pub(super) struct Values {
    pub(super) subject: Subject,
}

impl Values {
    /// The value as it is compared, and as it is shown.
    pub(super) fn key(&self, literal: &Spanned<Literal>) -> Compiled<(String, String)> {
        let (nature, name) = (self.subject.nature(), self.subject.name());
        let complain = |message: String| Err(Complaint { offset: literal.span().start, message });
        let wrong_type = || {
            let example = match nature {
                Nature::Integer => "a whole number, without quotes",
                Nature::Boolean => "true or false, without quotes",
                Nature::Time => "a date or an instant, as in \"2024-03-17T12:00:00Z\"",
                Nature::Serial => "hexadecimal digits in quotes, or a whole number without",
                _ => "a text, in quotes",
            };
            complain(format!("`{name}` must be compared with {example}"))
        };
        match (nature, literal.get_ref()) {
            (Nature::Integer, Literal::Integer(number)) => Ok((number.to_string(), number.to_string())),
            (Nature::Serial, Literal::Integer(number @ 0..)) => {
                Ok((Nature::Serial.normalise(&format!("{number:x}")).into_owned(), number.to_string()))
            }
            (Nature::Boolean, Literal::Boolean(truth)) => Ok((truth.to_string(), truth.to_string())),
            (Nature::Time, Literal::Time(_) | Literal::Text(_)) => match self.instant(literal)? {
                (first, last) if first == last => Ok((first.to_string(), first.to_string())),
                _ => complain(format!("`{name}` needs an instant here; for a whole day use `minimum` and `maximum`")),
            },
            (Nature::Integer | Nature::Boolean | Nature::Time, _) => wrong_type(),
            (_, Literal::Text(text)) if text.is_empty() => {
                complain("an empty text is no value; use `absent` for what is not there".to_owned())
            }
            (_, Literal::Text(text)) if text.contains(is_hidden) => {
                complain(format!("`{text}` holds a character that nobody can see; take it out"))
            }
            (Nature::Name, Literal::Text(text)) if text.contains('.') => complain(format!(
                "`{COMPUTER_NAME}` is compared without its domain; write `{}`",
                text.split('.').next().unwrap_or_default()
            )),
            (Nature::Address, Literal::Text(text)) => match text.parse::<std::net::IpAddr>() {
                Ok(address) => Ok((address.to_string(), text.clone())),
                Err(_) => complain(format!("`{text}` is no IP address; for a prefix use `cidr`")),
            },
            (Nature::Hex | Nature::Serial, Literal::Text(text)) => match self.hex(text) {
                Ok(key) => Ok((key, text.clone())),
                Err(message) => complain(message),
            },
            (_, Literal::Text(text)) => match self.subject.words() {
                Some(words) if !words.contains(&text.as_str()) => {
                    let near = nearest(text, words.iter().copied());
                    let hint = near.map_or_else(|| words.join("`, `"), str::to_owned);
                    complain(format!("`{text}` is no value that `{name}` can have; did you mean `{hint}`?"))
                }
                _ => Ok((nature.normalise(text).into_owned(), text.clone())),
            },
            _ => wrong_type(),
        }
    }

    pub(super) fn keys(&self, list: &Spanned<Vec<Spanned<Literal>>>) -> Compiled<(Vec<String>, String)> {
        if list.get_ref().is_empty() {
            let message = "`one_of` must not be empty; list values, or take the condition away".to_owned();
            return Err(Complaint { offset: list.span().start, message });
        }
        let values: Vec<(String, String)> =
            list.get_ref().iter().map(|value| self.key(value)).collect::<Result<_, _>>()?;
        let (keys, shown): (Vec<String>, Vec<String>) = values.into_iter().unzip();
        Ok((keys, shown.join(", ")))
    }

    /// Hexadecimal digits, as many as the hash has.
    fn hex(&self, text: &str) -> Result<String, String> {
        let (name, key) = (self.subject.name(), self.subject.nature().normalise(text).into_owned());
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`{name}` must be compared with hexadecimal digits, as in \"3a:9f\" or \"3a9f\""));
        }
        let expected = match name {
            "cert_sha256" | "cert_spki_sha256" => 64,
            "cert_sha1" => 40,
            "cert_md5" => 32,
            _ => key.len(),
        };
        if key.len() == expected {
            return Ok(key);
        }
        Err(format!("`{name}` has {expected} hexadecimal digits, and these are {}", key.len()))
    }

    fn instant(&self, literal: &Spanned<Literal>) -> Compiled<(Timestamp, Timestamp)> {
        let text = match literal.get_ref() {
            Literal::Time(time) => time.to_string(),
            Literal::Text(text) => text.clone(),
            Literal::Integer(_) | Literal::Boolean(_) => String::new(),
        };
        period(&text).ok_or_else(|| Complaint {
            offset: literal.span().start,
            message: format!(
                "`{}` needs a time in UTC: \"2024\", \"2024-03\", \"2024-03-17\" or \"2024-03-17T12:00:00Z\"",
                self.subject.name()
            ),
        })
    }

    pub(super) fn range(
        &self,
        minimum: Option<&Spanned<Literal>>,
        maximum: Option<&Spanned<Literal>>,
    ) -> Compiled<(Operator, String)> {
        if self.subject.nature() == Nature::Time {
            let first = minimum.map(|literal| self.instant(literal)).transpose()?.map(|(first, _)| first);
            let last = maximum.map(|literal| self.instant(literal)).transpose()?.map(|(_, last)| last);
            let range = bounded(first, last, Timestamp::MIN..=Timestamp::MAX, maximum.or(minimum))?;
            return Ok((Operator::Times(range), range_words(first.as_ref(), last.as_ref())));
        }
        let number = |literal: &Spanned<Literal>| {
            if let Literal::Integer(number) = literal.get_ref() {
                return Ok(*number);
            }
            let message = format!("`{}` is compared with whole numbers, without quotes", self.subject.name());
            Err(Complaint { offset: literal.span().start, message })
        };
        let (first, last) = (minimum.map(number).transpose()?, maximum.map(number).transpose()?);
        let range = bounded(first, last, i64::MIN..=i64::MAX, maximum.or(minimum))?;
        Ok((Operator::Integers(range), range_words(first.as_ref(), last.as_ref())))
    }
}

fn bounded<T: PartialOrd + Copy>(
    first: Option<T>,
    last: Option<T>,
    widest: RangeInclusive<T>,
    place: Option<&Spanned<Literal>>,
) -> Compiled<RangeInclusive<T>> {
    let range = first.unwrap_or(*widest.start())..=last.unwrap_or(*widest.end());
    if range.is_empty() {
        let message = "`minimum` is above `maximum`; exchange them".to_owned();
        return Err(Complaint { offset: place.map_or(0, |place| place.span().start), message });
    }
    Ok(range)
}

fn range_words<T: ToString>(first: Option<&T>, last: Option<&T>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("is from {} to {}", first.to_string(), last.to_string()),
        (Some(first), None) => format!("is at least {}", first.to_string()),
        (None, last) => format!("is at most {}", last.map(ToString::to_string).unwrap_or_default()),
    }
}
