//! From the TOML of a condition to a [`Condition`], with complaints that say what to write instead.

use ipnet::IpNet;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::condition::{Condition, Rule, Test};
use super::literal::{Literal, Values};
use super::operator::Operator;
use super::subject::{Nature, Subject};
use crate::observe::nearest;

/// Patterns compile to at most this many bytes, so that no file can make a scan eat memory.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A complaint about a place in the text.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// A condition as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionToml {
    field: Option<Spanned<String>>,
    equals: Option<Spanned<Literal>>,
    one_of: Option<Spanned<Vec<Spanned<Literal>>>>,
    prefix: Option<Spanned<String>>,
    regex: Option<Spanned<String>>,
    minimum: Option<Spanned<Literal>>,
    maximum: Option<Spanned<Literal>>,
    cidr: Option<Spanned<Prefixes>>,
    present: Option<Spanned<bool>>,
    absent: Option<Spanned<bool>>,
    all: Option<Vec<Spanned<ConditionToml>>>,
    any: Option<Vec<Spanned<ConditionToml>>>,
    not: Option<Spanned<Box<ConditionToml>>>,
}

/// One prefix or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`cidr` takes a prefix such as \"192.0.2.0/24\", or a list of them")]
enum Prefixes {
    One(String),
    Several(Vec<String>),
}

/// A piece of a file that was understood, or a complaint about it.
pub(super) type Compiled<T> = Result<T, Complaint>;

/// Compiles every condition of a list, or says what is wrong with each.
pub(super) fn compile_all(parsed: Vec<Spanned<ConditionToml>>, complaints: &mut Vec<Complaint>) -> Vec<Condition> {
    let results = parsed.into_iter().map(compile);
    results.filter_map(|result| result.map_err(|complaint| complaints.push(complaint)).ok()).collect()
}

fn compile(parsed: Spanned<ConditionToml>) -> Compiled<Condition> {
    let offset = parsed.span().start;
    let mut parsed = parsed.into_inner();
    let complain = |message: &str| Err(Complaint { offset, message: message.to_owned() });
    let combined = [parsed.all.is_some(), parsed.any.is_some(), parsed.not.is_some()];
    if combined.iter().filter(|is_given| **is_given).count() + usize::from(parsed.field.is_some()) != 1 {
        return complain("a condition has exactly one of `field`, `all`, `any` and `not`");
    }
    if parsed.field.is_none() && !parsed.operators().is_empty() {
        return complain("`all`, `any` and `not` take conditions; an operator needs a `field` beside it");
    }
    let list = |conditions: Vec<Spanned<ConditionToml>>| {
        if conditions.is_empty() {
            let message = "`all` and `any` must not be empty; list conditions, or take the line away".to_owned();
            return Err(Complaint { offset, message });
        }
        conditions.into_iter().map(compile).collect()
    };
    let rule = match (parsed.field.take(), parsed.all.take(), parsed.any.take(), parsed.not.take()) {
        (Some(field), ..) => {
            let offset = field.span().start;
            return Ok(Condition { rule: Rule::Test(compile_test(&field, parsed)?), offset });
        }
        (_, Some(conditions), ..) => Rule::All(list(conditions)?),
        (_, _, Some(conditions), _) => Rule::Any(list(conditions)?),
        (.., Some(condition)) => {
            let span = condition.span();
            Rule::Not(Box::new(compile(Spanned::new(span, *condition.into_inner()))?))
        }
        _ => return complain("a condition has exactly one of `field`, `all`, `any` and `not`"),
    };
    Ok(Condition { rule, offset })
}

impl ConditionToml {
    /// The operators that are given; the two ends of a range are one.
    fn operators(&self) -> Vec<&'static str> {
        let given = [
            ("equals", self.equals.is_some()),
            ("one_of", self.one_of.is_some()),
            ("prefix", self.prefix.is_some()),
            ("regex", self.regex.is_some()),
            ("minimum", self.minimum.is_some() || self.maximum.is_some()),
            ("cidr", self.cidr.is_some()),
            ("present", self.present.is_some()),
            ("absent", self.absent.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }
}

fn compile_test(field: &Spanned<String>, parsed: ConditionToml) -> Compiled<Test> {
    let complain = |message: String| Complaint { offset: field.span().start, message };
    let subject = Subject::named(field.get_ref()).ok_or_else(|| complain(unknown_field(field.get_ref())))?;
    let (name, nature) = (subject.name(), subject.nature());
    let allowed = operators_of(nature);
    let [operator] = parsed.operators()[..] else {
        let list = allowed.join("`, `");
        return Err(complain(format!("the condition on `{name}` needs exactly one operator, of `{list}`")));
    };
    if !allowed.contains(&operator) {
        let (noun, list) = (nature.noun(), allowed.join("`, `"));
        return Err(complain(format!("`{operator}` does not fit `{name}`, which is {noun}; it takes `{list}`")));
    }
    let values = Values { subject };
    let ConditionToml { equals, one_of, prefix, regex, minimum, maximum, cidr, present, absent, .. } = parsed;
    let (operator, predicate) = if let Some(value) = equals {
        let (key, shown) = values.key(&value)?;
        (Operator::OneOf(vec![key]), format!("equals {shown}"))
    } else if let Some(list) = one_of {
        let (keys, shown) = values.keys(&list)?;
        (Operator::OneOf(keys), format!("is one of {shown}"))
    } else if let Some(prefix) = prefix {
        let key = nature.normalise(prefix.get_ref()).into_owned();
        if key.is_empty() {
            return Err(complain("`prefix` must not be empty, or every host would match; use `present`".to_owned()));
        }
        (Operator::Prefix(key), format!("begins with {}", prefix.get_ref()))
    } else if let Some(regex) = regex {
        let ignore_case = matches!(nature, Nature::Name | Nature::CaselessText | Nature::Hex);
        (Operator::Regex(compile_regex(&regex, ignore_case)?), format!("matches {}", regex.get_ref()))
    } else if minimum.is_some() || maximum.is_some() {
        values.range(minimum.as_ref(), maximum.as_ref())?
    } else if let Some(prefixes) = cidr {
        networks(prefixes)?
    } else {
        let is_present = present.is_some();
        let Some(flag) = present.or(absent) else { return Err(complain("an operator is missing".to_owned())) };
        if !flag.get_ref() {
            let (this, that) = if is_present { ("present", "absent") } else { ("absent", "present") };
            let message = format!("`{this} = false` says too little; write `{that} = true`");
            return Err(Complaint { offset: flag.span().start, message });
        }
        if is_present { (Operator::Present, "present".to_owned()) } else { (Operator::Absent, "absent".to_owned()) }
    };
    let sentence = match operator {
        Operator::Present | Operator::Absent => format!("{name} is {predicate}"),
        _ => format!("{name} {predicate}"),
    };
    Ok(Test { subject, operator, sentence })
}

fn operators_of(nature: Nature) -> &'static [&'static str] {
    match nature {
        Nature::Name | Nature::CaselessText | Nature::Text | Nature::Hex => {
            &["equals", "one_of", "prefix", "regex", "present", "absent"]
        }
        Nature::Serial => &["equals", "one_of", "present", "absent"],
        Nature::Integer | Nature::Time => &["equals", "one_of", "minimum", "maximum", "present", "absent"],
        Nature::Boolean => &["equals", "present", "absent"],
        Nature::Address => &["equals", "one_of", "cidr", "present", "absent"],
    }
}

fn networks(prefixes: Spanned<Prefixes>) -> Compiled<(Operator, String)> {
    let offset = prefixes.span().start;
    let texts = match prefixes.into_inner() {
        Prefixes::One(text) => vec![text],
        Prefixes::Several(texts) => texts,
    };
    let parse = |text: &String| {
        text.parse::<IpNet>().map_err(|_malformed| Complaint {
            offset,
            message: format!("`{text}` is no prefix in CIDR notation, as in \"192.0.2.0/24\" or \"2001:db8::/32\""),
        })
    };
    let networks: Vec<IpNet> = texts.iter().map(parse).collect::<Result<_, _>>()?;
    if networks.is_empty() {
        return Err(Complaint { offset, message: "`cidr` must not be empty".to_owned() });
    }
    Ok((Operator::Networks(networks), format!("lies in {}", texts.join(", "))))
}

/// The pattern must match the whole text, so that nobody forgets the anchors.
fn compile_regex(pattern: &Spanned<String>, ignore_case: bool) -> Compiled<Regex> {
    let build = |text: &str| RegexBuilder::new(text).case_insensitive(ignore_case).size_limit(MAX_REGEX_BYTES).build();
    // On its own first, so that no parenthesis in it can close the one that is put around it.
    build(pattern.get_ref()).and_then(|_whole| build(&format!("^(?:{})$", pattern.get_ref()))).map_err(|error| {
        let cause = error.to_string();
        let last_line = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Complaint { offset: pattern.span().start, message: format!("`regex` does not compile: {last_line}") }
    })
}

fn unknown_field(name: &str) -> String {
    let hint =
        nearest(name, Subject::names()).map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
    format!(
        "`field` names `{name}`, which is no fact or trait{hint} (docs/fields.md lists them; verdicts cannot be asked)"
    )
}
