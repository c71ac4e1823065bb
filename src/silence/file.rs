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
        let read: File = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), suggest(error.message())))?;
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

/// Adds to TOML's complaint about a key which one is meant, if one is near.
#[must_use]
pub fn suggest(message: &str) -> String {
    let message = message.replace('\n', " ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = quoted.next().filter(|_| message.starts_with("unknown field")).and_then(|key| nearest(key, quoted));
    near.map_or_else(|| message.clone(), |near| format!("{message}; did you mean `{near}`?"))
}
