//! What is said of a family.

use strum::EnumMessage as _;

use super::family::{Chance, Family, LinkKind, Reason, Verdict};

/// The reasons as sentences, with the numbers of the foremost name.
pub(super) fn why(family: &Family) -> String {
    let names = family.links.iter().filter(|link| link.kind == LinkKind::Name);
    // The name that says most: significant, and least expected.
    let foremost = names.filter_map(|link| Some((link, link.chance.as_ref()?)));
    let foremost = foremost.min_by(|(one, by), (other, than)| {
        other.significant.cmp(&one.significant).then(by.log10_expected.total_cmp(&than.log10_expected))
    });
    let by_name = foremost.map(|(link, chance)| by_chance(&link.value, chance, link.significant));
    let others = family
        .reasons
        .iter()
        .filter(|reason| !matches!(reason, Reason::NameBeyondChance | Reason::TooFewToldApart) || by_name.is_none());
    let others = others.filter_map(Reason::get_documentation).map(str::to_owned);
    by_name.clone().into_iter().chain(others).collect::<Vec<_>>().join(" ")
}

fn by_chance(name: &str, chance: &Chance, significant: bool) -> String {
    let Chance { generator, endpoints, machines, significant_size, .. } = chance;
    let (expected, seeded) = (scientific(chance.log10_expected), scientific(chance.log10_expected_if_32_bits));
    let level = chance.level;
    if significant {
        format!(
            "At least {machines} machines bear {name}; among {endpoints} endpoints with names of {generator}-, chance would \
             make {expected} sets of that size (level {level}; {seeded} if names came from 32 bits), assuming a uniform \
             generator."
        )
    } else {
        format!(
            "Of the endpoints that bear {name}, {machines} are shown to be different machines; at {endpoints} endpoints with \
             names of {generator}-, {significant_size} would be beyond chance."
        )
    }
}

/// A number by its decimal logarithm, however small: `1.5e-314`, `0.0098`.
#[must_use]
pub fn scientific(log10: f64) -> String {
    if log10 == f64::NEG_INFINITY {
        return "0".to_owned();
    }
    if (-3.0..6.0).contains(&log10) {
        let digits = if log10 < 0.0 { 4 } else { 1 };
        return format!("{:.digits$}", 10_f64.powf(log10));
    }
    let exponent = log10.floor();
    format!("{:.1}e{exponent}", 10_f64.powf(log10 - exponent))
}

impl Family {
    /// What may fairly be said where several machines are copies and nobody else has said anything yet.
    pub(super) fn fair_wording(&self) -> Option<String> {
        let is_unknown =
            self.verdict == Verdict::Clones && self.significant && self.known_as.is_empty() && !self.own_image;
        is_unknown.then(|| {
            format!(
                "{} machines or more seen here appear to be copies of one Windows installation. No report about it is known \
                 to us. This is not evidence of abuse.",
                self.machines_at_least
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::scientific;

    #[test]
    fn numbers_of_any_size_are_readable() {
        assert_eq!(scientific(f64::NEG_INFINITY), "0");
        assert_eq!(scientific(-313.823_9), "1.5e-314");
        assert_eq!(scientific(0.0098_f64.log10()), "0.0098");
        assert_eq!(scientific(1455.2_f64.log10()), "1455.2");
        assert_eq!(scientific(7.0), "1.0e7");
    }
}
