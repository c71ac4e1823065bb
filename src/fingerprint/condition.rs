//! Conditions: what a fingerprint asks of an observation, and what the observation answers.

use std::collections::BTreeMap;
use std::fmt;

use super::name::{DeclaredName, declared_by_ntlm, declared_names};
use super::operator::Operator;
use super::subject::{COMPUTER_NAME, Subject};
use super::traits::Traits;
use crate::observe::Observation;

/// One question, or several joined by logic.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) rule: Rule,
    /// Where it stands in its file, in bytes from the start, for complaints.
    pub(super) offset: usize,
}

/// What a condition is made of.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Test(Test),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// One field, trait or name held against one operator.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) subject: Subject,
    pub(super) operator: Operator,
    /// As people read it: `ntlm_build equals 20348`.
    pub(super) sentence: String,
}

/// What conditions look at: an observation and what follows from it, worked out once.
pub(super) struct View<'a> {
    pub(super) observation: &'a Observation,
    pub(super) traits: &'a Traits,
    pub(super) names: Vec<DeclaredName<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn of(observation: &'a Observation, traits: &'a Traits) -> Self {
        Self { observation, traits, names: declared_names(observation) }
    }
}

/// Field → value as text.
pub(super) type Facts = BTreeMap<String, String>;

/// What an observation says to a condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It holds, by these facts.
    Holds(Facts),
    /// It does not hold, by these facts.
    Differs(Facts),
    /// The facts that would tell are not known.
    Unknown,
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |conditions: &[Condition]| {
            let sentences = conditions.iter().map(ToString::to_string);
            sentences.collect::<Vec<_>>().join("; ")
        };
        match &self.rule {
            Rule::Test(test) => out.write_str(&test.sentence),
            Rule::All(conditions) => write!(out, "all of ({})", list(conditions)),
            Rule::Any(conditions) => write!(out, "any of ({})", list(conditions)),
            Rule::Not(condition) => write!(out, "not ({condition})"),
        }
    }
}

impl Condition {
    /// Three-valued logic: what is not known neither holds nor differs, and decides nothing that others can decide.
    pub(super) fn ask(&self, view: &View<'_>) -> Answer {
        match &self.rule {
            Rule::Test(test) => test.ask(view),
            Rule::All(conditions) => join(conditions, view, Answer::Differs),
            Rule::Any(conditions) => join(conditions, view, Answer::Holds),
            Rule::Not(condition) => match condition.ask(view) {
                Answer::Holds(facts) => Answer::Differs(facts),
                Answer::Differs(facts) => Answer::Holds(facts),
                Answer::Unknown => Answer::Unknown,
            },
        }
    }

    /// Whether it holds by a test of one of these fields that names the values wanted; a negation names none.
    pub(super) fn holds_by(&self, fields: &[&str], view: &View<'_>) -> bool {
        self.holding_tests(view)
            .iter()
            .any(|test| fields.contains(&test.subject.name()) && matches!(test.operator, Operator::OneOf(_)))
    }

    /// Whether it holds by nothing but the machine's name, wherever that was looked at.
    pub(super) fn holds_by_name_alone(&self, view: &View<'_>) -> bool {
        let tests = self.holding_tests(view);
        !tests.is_empty() && tests.iter().all(|test| NAMES.contains(&test.subject.name()))
    }

    /// What NTLM declares, where the name that this condition asks for stands in the certificate alone: the machine
    /// itself says that it is another one. Of several ways to hold, one that is not denied suffices.
    pub(super) fn denied_by(&self, view: &View<'_>) -> Option<Facts> {
        match &self.rule {
            Rule::Test(test) => test.denied_by(view),
            Rule::Not(_) => None,
            Rule::All(conditions) => conditions.iter().find_map(|condition| condition.denied_by(view)),
            Rule::Any(conditions) => {
                let holding = conditions.iter().filter(|condition| matches!(condition.ask(view), Answer::Holds(_)));
                holding.map(|condition| condition.denied_by(view)).collect::<Option<Vec<_>>>()?.pop()
            }
        }
    }

    /// The tests by which it holds, those under a negation left out.
    fn holding_tests<'a>(&'a self, view: &View<'_>) -> Vec<&'a Test> {
        match &self.rule {
            Rule::Test(test) if matches!(test.ask(view), Answer::Holds(_)) => vec![test],
            Rule::Test(_) | Rule::Not(_) => Vec::new(),
            Rule::All(conditions) | Rule::Any(conditions) => {
                let holding = conditions.iter().filter(|condition| matches!(condition.ask(view), Answer::Holds(_)));
                holding.flat_map(|condition| condition.holding_tests(view)).collect()
            }
        }
    }

    /// Every test that it is made of.
    pub(super) fn tests(&self) -> Vec<&Test> {
        match &self.rule {
            Rule::Test(test) => vec![test],
            Rule::All(conditions) | Rule::Any(conditions) => conditions.iter().flat_map(Self::tests).collect(),
            Rule::Not(condition) => condition.tests(),
        }
    }

    /// Every way to take one condition away from this one: the condition that went, and what stays, if anything does.
    pub(super) fn reductions(&self) -> Vec<(&Self, Option<Self>)> {
        let with = |rule| Some(Self { rule, offset: self.offset });
        let mut reductions = vec![(self, None)];
        match &self.rule {
            Rule::Test(_) => {}
            Rule::All(conditions) => {
                reductions.extend(without_one(conditions).map(|(gone, rest)| (gone, with(Rule::All(rest)))));
            }
            Rule::Any(conditions) => {
                reductions.extend(without_one(conditions).map(|(gone, rest)| (gone, with(Rule::Any(rest)))));
            }
            // Without what it negates, a negation is gone; that way stands above already.
            Rule::Not(condition) => {
                let inner = condition.reductions().into_iter();
                reductions.extend(inner.filter_map(|(gone, rest)| Some((gone, with(Rule::Not(Box::new(rest?)))))));
            }
        }
        reductions
    }
}

/// Every way to take one condition, or a part of one, out of a list.
pub(super) fn without_one(conditions: &[Condition]) -> impl Iterator<Item = (&Condition, Vec<Condition>)> {
    conditions.iter().enumerate().flat_map(move |(position, condition)| {
        condition.reductions().into_iter().map(move |(gone, rest)| {
            let mut list = conditions.to_vec();
            list.splice(position..=position, rest);
            (gone, list)
        })
    })
}

/// `deciding` is the answer that settles the whole as soon as one part gives it: `Differs` for all, `Holds` for any.
/// The facts of the settled answer are those of the parts that gave it.
fn join(conditions: &[Condition], view: &View<'_>, deciding: fn(Facts) -> Answer) -> Answer {
    let (mut holding, mut differing, mut unknown) = (None::<Facts>, None::<Facts>, false);
    for condition in conditions {
        match condition.ask(view) {
            Answer::Holds(facts) => holding.get_or_insert_default().extend(facts),
            Answer::Differs(facts) => differing.get_or_insert_default().extend(facts),
            Answer::Unknown => unknown = true,
        }
    }
    let is_any = matches!(deciding(Facts::new()), Answer::Holds(_));
    let (settled, rest) = if is_any { (holding, differing) } else { (differing, holding) };
    match (settled, unknown) {
        (Some(facts), _) => deciding(facts),
        (None, true) => Answer::Unknown,
        (None, false) if is_any => Answer::Differs(rest.unwrap_or_default()),
        (None, false) => Answer::Holds(rest.unwrap_or_default()),
    }
}

/// Fields that repeat the machine's name; together they are one piece of evidence.
pub(super) const NAMES: [&str; 5] =
    [COMPUTER_NAME, "cert_subject_cn", "ntlm_dns_computer_name", "ntlm_netbios_computer_name", "ntlm_target_name"];

impl Test {
    fn ask(&self, view: &View<'_>) -> Answer {
        if !self.subject.could_be_known(view.observation) {
            return Answer::Unknown;
        }
        if matches!(self.subject, Subject::ComputerName) {
            return self.ask_names(&view.names);
        }
        let name = self.subject.name();
        match (self.subject.value(view), &self.operator) {
            (None, Operator::Absent) => Answer::Holds(Facts::new()),
            (None, Operator::Present) => Answer::Differs(Facts::new()),
            (None, _) => Answer::Unknown,
            (Some(value), operator) => {
                let holds = operator.holds(&value, &self.subject);
                answer(holds, [(name, value.into_cell().into_owned())])
            }
        }
    }

    fn denied_by(&self, view: &View<'_>) -> Option<Facts> {
        let ntlm = declared_by_ntlm(&view.names)?;
        let is_denied = match self.subject.name() {
            COMPUTER_NAME => !matches!(self.operator, Operator::Absent) && !self.fits(ntlm),
            "cert_subject_cn" => {
                let certificate = view.names.iter().find(|name| name.field == "cert_subject_cn")?;
                !ntlm.is(certificate.label)
            }
            _ => false,
        };
        is_denied.then(|| collect(name_facts(vec![ntlm])))
    }

    fn ask_names(&self, names: &[DeclaredName<'_>]) -> Answer {
        match (&self.operator, names.is_empty()) {
            (Operator::Absent, true) => return Answer::Holds(Facts::new()),
            (Operator::Present, true) => return Answer::Differs(Facts::new()),
            (_, true) => return Answer::Unknown,
            (_, false) => {}
        }
        let (fitting, other): (Vec<_>, Vec<_>) = names.iter().partition(|name| self.fits(name));
        if fitting.is_empty() { answer(false, name_facts(other)) } else { answer(true, name_facts(fitting)) }
    }

    fn fits(&self, name: &DeclaredName<'_>) -> bool {
        match &self.operator {
            Operator::OneOf(wanted) => wanted.iter().any(|wanted| name.is(wanted)),
            Operator::Prefix(prefix) => name.begins_with(prefix),
            // The engine folds case by Unicode; names of other alphabets are none that a fingerprint means.
            Operator::Regex(regex) => name.label.is_ascii() && regex.is_match(name.label),
            Operator::Present => true,
            Operator::Absent | Operator::Integers(_) | Operator::Times(_) | Operator::Networks(_) => false,
        }
    }
}

fn name_facts(names: Vec<&DeclaredName<'_>>) -> impl Iterator<Item = (&'static str, String)> {
    names.into_iter().map(|name| (name.field, name.value.to_owned()))
}

fn collect(facts: impl IntoIterator<Item = (&'static str, String)>) -> Facts {
    facts.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn answer(holds: bool, facts: impl IntoIterator<Item = (&'static str, String)>) -> Answer {
    let facts = collect(facts);
    if holds { Answer::Holds(facts) } else { Answer::Differs(facts) }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
