//! Finds the fingerprints that an observation could fit without asking each of them.
//!
//! Nearly every fingerprint requires one of a few exact texts: a name, a hash, a serial number. Those texts are its
//! anchors. An observation is looked up by its own texts, so that thousands of fingerprints cost hardly more than one;
//! only those without an anchor (a prefix, a pattern) are asked always.

use std::collections::HashMap;

use super::condition::{Condition, Rule, View};
use super::definition::Fingerprint;
use super::name::NETBIOS_LENGTH;
use super::operator::{Operator, keys};
use super::subject::{Nature, Subject};

/// Positions of fingerprints by the exact texts that they require.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Subject, and text → positions.
    anchored: Vec<(Subject, HashMap<String, Vec<usize>>)>,
    /// Positions of those that have no anchor.
    always: Vec<usize>,
}

/// Texts, one of which every observation that fits must have, each with where it must stand.
type Anchors = Vec<(Subject, String)>;

impl Index {
    pub(super) fn of<'a>(fingerprints: impl Iterator<Item = &'a Fingerprint>) -> Self {
        let mut index = Self::default();
        for (position, fingerprint) in fingerprints.enumerate() {
            let anchors = fingerprint.conditions.required.iter().filter_map(anchors);
            // The fewer observations have one of the texts, the fewer have to be asked further.
            let rank = |anchors: &Anchors| (anchors.iter().map(|(subject, _)| rank(*subject)).max(), anchors.len());
            let Some(best) = anchors.min_by_key(rank) else {
                index.always.push(position);
                continue;
            };
            for (subject, text) in best {
                index.texts_of(subject).entry(text).or_default().push(position);
            }
        }
        index
    }

    fn texts_of(&mut self, subject: Subject) -> &mut HashMap<String, Vec<usize>> {
        let at = self.anchored.iter().position(|(known, _)| known.name() == subject.name());
        let at = at.unwrap_or_else(|| {
            self.anchored.push((subject, HashMap::new()));
            self.anchored.len() - 1
        });
        // `at` was found or has just been pushed.
        #[expect(clippy::indexing_slicing, reason = "the position is inside by the lines above")]
        &mut self.anchored[at].1
    }

    /// Positions of the fingerprints that may fit, each once, in order.
    pub(super) fn candidates(&self, view: &View<'_>) -> Vec<usize> {
        let mut candidates = self.always.clone();
        for (subject, texts) in &self.anchored {
            let mut look_up = |text: &str| candidates.extend(texts.get(text).into_iter().flatten());
            match subject {
                Subject::ComputerName => {
                    // Names of one machine are mostly one name.
                    let mut previous = "";
                    for name in &view.names {
                        let label = cut(name.label);
                        if !label.eq_ignore_ascii_case(previous) {
                            look_up(&label.to_ascii_lowercase());
                        }
                        previous = label;
                    }
                }
                subject => {
                    let value = subject.value(view);
                    value.iter().flat_map(|value| keys(value, subject.nature())).for_each(|text| look_up(&text));
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}

/// Names before hashes before other texts: which subject tells observations apart best.
fn rank(subject: Subject) -> u8 {
    match subject.nature() {
        Nature::Name => 0,
        Nature::Hex | Nature::Serial => 1,
        _ => 2,
    }
}

/// The texts without one of which the condition cannot hold, if it has such.
fn anchors(condition: &Condition) -> Option<Anchors> {
    match &condition.rule {
        Rule::Test(test) => {
            let Operator::OneOf(wanted) = &test.operator else { return None };
            let is_name = matches!(test.subject, Subject::ComputerName);
            let anchor = |text: &String| if is_name { cut(text).to_owned() } else { text.clone() };
            Some(wanted.iter().map(|text| (test.subject, anchor(text))).collect())
        }
        Rule::All(conditions) => conditions.iter().find_map(anchors),
        Rule::Any(conditions) => Some(conditions.iter().map(anchors).collect::<Option<Vec<_>>>()?.concat()),
        Rule::Not(_) => None,
    }
}

/// As much of a name as NetBIOS shows, since a declared name may have been cut to that.
fn cut(label: &str) -> &str {
    let end = label.char_indices().nth(NETBIOS_LENGTH).map_or(label.len(), |(end, _)| end);
    label.get(..end).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fingerprint::matching::compare;
    use crate::fingerprint::{FingerprintSet, SourceFile, derive_traits};
    use crate::observe::Observation;

    /// Conditions of every kind over few values, so that many meet.
    fn conditions() -> Vec<String> {
        let name = |name: &str| format!("{{ field = 'computer_name', equals = '{name}' }}");
        let serial = |serial: &str| format!("{{ field = 'cert_serial_number', equals = '{serial}' }}");
        let port = "{ field = 'port', equals = 3389 }";
        let mut single =
            vec![name("A"), name("WIN-0123456789AB-LONG"), name("WIN-0123456789AB"), serial("0a"), serial("b")];
        single.push("{ field = 'computer_name', one_of = ['A', 'B'] }".to_owned());
        single.push("{ field = 'computer_name', prefix = 'WIN-' }".to_owned());
        single.push("{ field = 'cert_subject_alternative_names', equals = 'DNS:a' }".to_owned());
        single.push("{ field = 'generated_name', equals = 'WIN' }".to_owned());
        let mut all: Vec<String> = single.iter().map(|one| format!("all = [{port}, {one}]")).collect();
        for left in &single {
            all.extend(single.iter().map(|right| format!("any = [{left}, {right}]")));
            all.push(format!("not = {left}"));
        }
        all
    }

    #[test]
    fn the_index_finds_what_asking_everyone_finds() {
        let file = |(number, condition): (usize, String)| {
            let head = "class = 'lab'\nstatus = 'stable'\nname = 'X'\ndescription = 'X.'\n";
            let text = format!("id = 'x-{number}'\n{head}[[required]]\n{condition}\n");
            SourceFile { name: format!("{number}.toml"), text }
        };
        let set = FingerprintSet::compiled_with(conditions().into_iter().enumerate().map(file)).unwrap();
        let names = ["A", "b.example", "WIN-0123456789A", "WIN-0123456789AB", "win-0123456789ab-long", "C", ""];
        let mut found = 0;
        let serials = ["0a", "0b", "0c"];
        let all = names
            .iter()
            .flat_map(|dns| names.iter().flat_map(move |netbios| serials.map(|serial| (dns, netbios, serial))));
        for (dns, netbios, serial) in all {
            let mut facts = BTreeMap::from([
                ("ntlm_dns_computer_name".to_owned(), serde_json::json!(dns)),
                ("ntlm_netbios_computer_name".to_owned(), serde_json::json!(netbios)),
                ("cert_serial_number".to_owned(), serde_json::json!(format!("00{serial}"))),
            ]);
            if serial == "0c" {
                facts.insert("cert_subject_alternative_names".to_owned(), serde_json::json!(["DNS:b", "DNS:a"]));
            }
            let observation = Observation::from_facts(&facts).unwrap();
            let traits = derive_traits(&observation);
            let view = View::of(&observation, &traits);
            let mut asked: Vec<String> = set
                .iter()
                .filter_map(|fingerprint| compare(fingerprint, &view))
                .map(|found| found.fingerprint_id)
                .collect();
            let mut looked_up: Vec<String> =
                set.matches(&observation, &traits).into_iter().map(|found| found.fingerprint_id).collect();
            asked.sort();
            looked_up.sort();
            found += asked.len();
            assert_eq!(looked_up, asked, "{facts:?}");
        }
        assert!(found > 1000, "{found} matches are too few to prove anything");
    }
}
