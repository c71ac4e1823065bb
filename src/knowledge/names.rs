//! Computer names that Windows makes up, and how many there are of each kind.
//!
//! No specification of the form is known to us: alphabet and lengths were counted on real names, and each row says on how
//! many. Two machines that share a drawn name share an installation unless chance made it twice: among `n` machines
//! `n(n−1)/2K` pairs are expected, `K` being [`Generator::possible_names`]. A name that a person thought of proves nothing.

use super::words::human_odds;

/// How many symbols a suffix is drawn from: `0-9` and `A-V`, all equally likely as far as counted.
const SYMBOLS: u64 = 32;
/// The last letter of that alphabet.
const LAST_LETTER: u8 = b'V';
/// DNS labels are no longer, in bytes (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;
/// So many times likelier one origin must be than the other to be believed. Tuned on names of people and towns.
const DECISIVE_ODDS: f64 = 16.0;

const COUNTED: &str = "counted by this project on real names";

/// What makes names of one form.
#[derive(Debug, PartialEq, Eq)]
pub struct Generator {
    /// What stands before the hyphen; the form's name in traits.
    pub name: &'static str,
    /// The suffix's length in symbols.
    pub suffix_length: u32,
    /// Who makes such names.
    pub maker: &'static str,
    /// How many names of this form the alphabet and the length were counted on; 0 if none were at hand.
    pub samples: u32,
    /// Where the form is known from.
    pub source: &'static str,
    /// What is known to differ, as a sentence; empty where nothing is.
    pub exceptions: &'static str,
}

/// Every generator there is.
pub static GENERATORS: [Generator; 5] = [
    Generator {
        name: "WIN",
        suffix_length: 11,
        maker: "Windows Setup on servers",
        samples: 88,
        source: COUNTED,
        exceptions: "W to Z in three names, all of systems of the age of Vista, whose setup could also draw one name twice.",
    },
    Generator {
        name: "DESKTOP",
        suffix_length: 7,
        maker: "Windows Setup on clients",
        samples: 51,
        source: COUNTED,
        exceptions: "A Z in two names of public reports, perhaps mis-copied.",
    },
    Generator {
        name: "LAPTOP",
        suffix_length: 8,
        maker: "Windows Setup on portable clients",
        samples: 9,
        source: COUNTED,
        exceptions: "",
    },
    Generator {
        name: "EC2AMAZ",
        suffix_length: 7,
        maker: "Windows images of Amazon EC2",
        samples: 25,
        source: COUNTED,
        exceptions: "",
    },
    Generator {
        name: "MININT",
        suffix_length: 7,
        maker: "Windows PE",
        samples: 0,
        source: "known by its form; none were at hand to count, so the alphabet is taken from the others",
        exceptions: "",
    },
];

/// What a computer name looks like that begins as a generator's names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Exactly the form, and nothing that a person would think of.
    Generated(&'static Generator),
    /// Exactly the form, but a person's choice: `WIN-SQLSERVER01`.
    WordLike(&'static Generator),
    /// Nearly the form, and nothing that a person would think of: typed, copied wrongly, or very old. Serial numbers in
    /// names (`LAPTOP-` and seven symbols) look so too.
    Unusual(&'static Generator, Flaw),
}

/// What keeps a name from having the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The suffix has letters beyond V.
    Letter,
    /// The suffix is one symbol too short or too long.
    Length,
}

/// The shape of a computer name, given as its first DNS label in any case; `None` for names that Windows does not make.
///
/// Whether a person chose the name is a judgement. Measured on a million draws each, 0.25 % of names with 7 symbols,
/// 0.19 % with 8 and 0.08 % with 11 are taken for a person's. Of names of people and towns that `words.txt` does not list,
/// 90 %, 93 % and 99 % are recognised (7696 names), and 50 %, 74 % and 94 % (8645) if the last symbol is a digit.
#[must_use]
pub fn shape(label: &str) -> Option<Shape> {
    if label.len() > LONGEST_LABEL {
        return None;
    }
    GENERATORS.iter().find_map(|generator| generator.shape(label))
}

impl Generator {
    /// How many names it can draw: 32 to the power of the suffix's length.
    #[must_use]
    pub const fn possible_names(&self) -> u64 {
        SYMBOLS.pow(self.suffix_length)
    }

    fn shape(&'static self, label: &str) -> Option<Shape> {
        let suffix = self.suffix(label)?.to_ascii_uppercase();
        let is_drawn_from = |symbol: &u8| symbol.is_ascii_digit() || *symbol <= LAST_LETTER;
        let flaw = match (suffix.len().abs_diff(self.suffix_length as usize), suffix.iter().all(is_drawn_from)) {
            (0, true) => None,
            (0, false) => Some(Flaw::Letter),
            (1, true) => Some(Flaw::Length),
            _ => return None,
        };
        let odds = human_odds(&suffix);
        match flaw {
            None if odds >= DECISIVE_ODDS => Some(Shape::WordLike(self)),
            None => Some(Shape::Generated(self)),
            Some(flaw) => (odds <= 1.0 / DECISIVE_ODDS).then_some(Shape::Unusual(self, flaw)),
        }
    }

    /// What follows the name and its hyphen, if it is all ASCII letters and digits.
    fn suffix<'label>(&self, label: &'label str) -> Option<&'label [u8]> {
        let (name, suffix) = label.as_bytes().split_at_checked(self.name.len())?;
        let suffix = suffix.strip_prefix(b"-")?;
        let is_suffix = name.eq_ignore_ascii_case(self.name.as_bytes()) && suffix.iter().all(u8::is_ascii_alphanumeric);
        is_suffix.then_some(suffix)
    }
}

#[cfg(test)]
mod tests;
