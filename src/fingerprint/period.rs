//! Dates as people give them: a year, a month, a day or an instant.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A year, month or day as a text: `2024`, `2024-03`, `2024-03-17`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate(String);

/// What is wrong with a date.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a date is written as a year, month or day in quotes: \"2024\", \"2024-03\" or \"2024-03-17\"")]
pub struct NoDate;

impl TryFrom<String> for PartialDate {
    type Error = NoDate;

    fn try_from(text: String) -> Result<Self, NoDate> {
        day_or_longer(&text).map(|_period| Self(text)).ok_or(NoDate)
    }
}

impl PartialDate {
    /// Whether all of it lies after all of the other.
    #[must_use]
    pub fn begins_after(&self, other: &Self) -> bool {
        let ends = period(&self.0).zip(period(&other.0));
        ends.is_some_and(|((first, _), (_, last))| first > last)
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.0
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The first and the last instant of what a text names, in UTC: a year, month, day, or an instant of RFC 3339.
pub(super) fn period(text: &str) -> Option<(Timestamp, Timestamp)> {
    let Some((first, length)) = day_or_longer(text) else {
        let instant: Timestamp = text.parse().ok()?;
        return Some((instant, instant));
    };
    let start = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let end = start(first.checked_add(length).ok()?)?.checked_sub(1.nanosecond()).ok()?;
    Some((start(first)?, end))
}

/// The day on which it begins and how long it is.
fn day_or_longer(text: &str) -> Option<(Date, Span)> {
    let is_digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next(), parts.next());
    let well_formed = is_digits(year, 4)
        && month.is_none_or(|month| is_digits(month, 2))
        && day.is_none_or(|day| is_digits(day, 2))
        && parts.next().is_none();
    if !well_formed {
        return None;
    }
    let number = |part: Option<&str>| part.map_or(Some(1), |part| part.parse().ok());
    let date = Date::new(year.parse().ok()?, number(month)?, number(day)?).ok()?;
    let length = match (month, day) {
        (None, _) => 1.year(),
        (_, None) => 1.month(),
        _ => 1.day(),
    };
    Some((date, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_run_from_their_first_instant_to_their_last() {
        let text = |text| period(text).map(|(first, last)| format!("{first} {last}"));
        let second = "2024-02-01T00:00:00Z 2024-02-29T23:59:59.999999999Z";
        assert_eq!(text("2024-02").as_deref(), Some(second));
        assert_eq!(text("2024").as_deref(), Some("2024-01-01T00:00:00Z 2024-12-31T23:59:59.999999999Z"));
        assert_eq!(text("2024-02-29T12:00:00+01:00").as_deref(), Some("2024-02-29T11:00:00Z 2024-02-29T11:00:00Z"));
        for wrong in ["", "24", "2024-13", "2023-02-29", "2024-1-1", "2024-01-01-01", "soon", "+024"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_date_in_a_file_is_no_instant() {
        assert!(PartialDate::try_from("2024-02".to_owned()).is_ok());
        assert!(PartialDate::try_from("2024-02-29T12:00:00Z".to_owned()).is_err());
    }
}
