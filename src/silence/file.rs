//! Reading `suppress.toml`.

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::{Mention, Rule, Silence, SilenceError};
use crate::observe::nearest;
use crate::target::parse_exact;
use crate::visible::visible;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Spanned<Row>>,
    #[serde(default)]
    own_images: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    reason: String,
    author: String,
    expires: Spanned<String>,
    fingerprint: Option<Spanned<String>>,
    family: Option<Spanned<String>>,
    name: Option<String>,
    key: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    customer: Option<Spanned<String>>,
}

impl Silence {
    /// Reads the text of a file; `file` is its name in complaints.
    pub fn parse(file: &str, text: &str) -> Result<Self, SilenceError> {
        let at = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let wrong = |offset: usize, cause: String| SilenceError(format!("{file}:{}: {cause}", at(offset)));
        let read: File =
            toml::from_str(text).map_err(|error| SilenceError(format!("{file}:{}", complaint(text, &error))))?;
        let rows = read.suppress.into_iter().map(|row| (row, false));
        let rows = rows.chain(read.own_images.into_iter().map(|row| (row, true)));
        let mut rules = Vec::new();
        for (row, is_own_image) in rows {
            let offset = row.span().start;
            let Row { reason, author, expires, fingerprint, family, name, key, prefix, customer } = row.into_inner();
            let table = if is_own_image { "own_images" } else { "suppress" };
            for (what, said) in [("reason", &reason), ("author", &author)] {
                if said.trim().is_empty() {
                    return Err(wrong(
                        offset,
                        format!("`{what}` of [[{table}]] is empty; say it for whoever comes after you"),
                    ));
                }
            }
            let day = expires.get_ref().parse::<Date>().map_err(|_| {
                let said = visible(expires.get_ref()).into_owned();
                wrong(expires.span().start, format!("`expires` is no day: `{said}`; write it like 2027-03-31"))
            })?;
            let prefix = prefix
                .map(|prefix| {
                    parse_exact(prefix.get_ref()).map_err(|error| wrong(prefix.span().start, error.to_string()))
                })
                .transpose()?;
            let named = |text: Spanned<String>| {
                let place = format!("{file}:{}", at(text.span().start));
                Mention { id: text.into_inner(), place }
            };
            let [customer, fingerprint, family] = [customer, fingerprint, family].map(|text| text.map(named));
            if let Some(key) = key.as_ref().filter(|key| !is_sha256(key.get_ref())) {
                let cause = format!(
                    "`key` is no SHA-256: `{}`; write its 64 hexadecimal digits, without colons",
                    visible(key.get_ref())
                );
                return Err(wrong(key.span().start, cause));
            }
            let key = key.map(Spanned::into_inner);
            let names_any = [&fingerprint, &family, &customer].into_iter().any(Option::is_some)
                || [&name, &key].into_iter().any(Option::is_some)
                || prefix.is_some();
            if !names_any {
                let message = format!(
                    "[[{table}]] names nothing; add `fingerprint`, `family`, `name`, `key`, `prefix` or `customer`, since a \
                     rule without any would silence everything"
                );
                return Err(wrong(offset, message));
            }
            let place = format!("{file}:{}", at(offset));
            rules.push(Rule {
                place,
                is_own_image,
                reason,
                author,
                expires: day,
                fingerprint,
                family,
                name,
                key,
                prefix,
                customer,
            });
        }
        Ok(Self { rules })
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What is wrong with a TOML file of settings: the line, what TOML says in words for people, and the way out where it is known.
#[must_use]
pub fn complaint(text: &str, error: &toml::de::Error) -> String {
    // What serde calls things, and what they are to whoever writes a file.
    const WORDS: [(&str, &str); 5] = [
        ("a nonzero u32", "a whole number from 1 on"),
        ("u32", "a whole number"),
        ("a sequence", "a list in [ ]"),
        ("unknown variant", "unknown word"),
        ("unknown field", "unknown key"),
    ];
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = text.lines().nth(before.matches('\n').count()).unwrap_or_default().trim();
    let line: String = line.chars().take(60).collect();
    let said = error.message().replace('\n', " ");
    let mut quoted = said.split('`').skip(1).step_by(2);
    let near = quoted.next().filter(|_| said.starts_with("unknown ")).and_then(|key| nearest(key, quoted));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let said = WORDS.iter().fold(said.clone(), |said, (word, plain)| said.replace(word, plain));
    format!("{}: {said}{near} (`{line}`)", before.matches('\n').count() + 1)
}
