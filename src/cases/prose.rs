//! How letters set their text: lines of a letter's width, and days as a language writes them.

use jiff::civil::Date;

use crate::fingerprint::words;

/// Columns of a plain-text letter.
const COLUMNS: usize = 76;

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Sets a paragraph in lines of a letter's width; every line but the first begins with `indent` spaces.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let mut set = String::new();
    let mut column = indent;
    for word in words(text) {
        let length = word.chars().count();
        if column > indent && column + 1 + length > COLUMNS {
            set.push('\n');
            set.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            set.push(' ');
            column += 1;
        }
        set.push_str(word);
        column += length;
    }
    set
}

/// A paragraph on one line.
pub(super) fn on_one_line(text: &str) -> String {
    words(text).collect::<Vec<_>>().join(" ")
}

/// `2026-12-01`, `2026-12` or `2026` as the language writes it: `1 December 2026`, `1er décembre 2026`, `1. Dezember 2026`.
/// Other texts, and those in other languages, stay as they are.
pub(super) fn day(text: &str, language: &str) -> String {
    let language = language.split('-').next().unwrap_or(language);
    let (months, first, others) = match language {
        "en" => (ENGLISH, "", ""),
        "fr" => (FRENCH, "er", ""),
        "de" => (GERMAN, ".", "."),
        _ => return text.to_owned(),
    };
    let has_day = text.len() == 10;
    let date = if has_day { text.to_owned() } else { format!("{text}-01") };
    let Ok(date) = date.parse::<Date>() else { return text.to_owned() };
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| months.get(month));
    let Some(month) = month else { return text.to_owned() };
    let (day, year) = (date.day(), date.year());
    if !has_day {
        return format!("{month} {year}");
    }
    let ordinal = if day == 1 { first } else { others };
    format!("{day}{ordinal} {month} {year}")
}

#[cfg(test)]
mod tests {
    use super::{day, wrapped};

    #[test]
    fn days_are_written_as_a_language_writes_them() {
        let all = |text| ["en", "fr-ca", "de", "es"].map(|language| day(text, language));
        assert_eq!(all("2026-12-01"), ["1 December 2026", "1er décembre 2026", "1. Dezember 2026", "2026-12-01"]);
        assert_eq!(all("2026-08-22"), ["22 August 2026", "22 août 2026", "22. August 2026", "2026-08-22"]);
        assert_eq!(all("2025-09"), ["September 2025", "septembre 2025", "September 2025", "2025-09"]);
        for text in ["2025", "", "soon", "2026-13-01", "2026-02-30"] {
            assert_eq!(all(text), [text; 4]);
        }
    }

    #[test]
    fn no_line_is_broken_at_a_space_that_breaks_none() {
        let text = format!("{} ab\u{A0}; c", "x".repeat(71));
        assert_eq!(wrapped(&text, 2), format!("{}\n  ab\u{A0}; c", "x".repeat(71)));
    }
}
