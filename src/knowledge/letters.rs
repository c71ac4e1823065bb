//! How letters follow each other in the words of people, learned from a list of words.

/// How often a letter must have been met in its surroundings until that counts as much as smaller surroundings do.
const SMOOTHING: f64 = 40.0;
/// Stands before the first letter of a word.
const START: u8 = b'^';
/// Stands for letters before that are left out of account.
const UNKNOWN: u8 = b'@';
/// Stands for every letter, where all that was met is counted.
const ANY: u8 = b'_';
/// The signs above differ from each other and from `A-Z` in their lowest five bits; three of these make a place.
const PLACES: usize = 1 << 15;

/// The chance of each letter `A-Z` after two others.
pub(super) struct Letters {
    /// By [`place`].
    chances: Vec<f64>,
}

impl Letters {
    /// Counts letters, pairs and triples of `words`; a chance is smoothed by that in smaller surroundings.
    pub(super) fn learn<'word>(words: impl Iterator<Item = &'word [u8]>) -> Self {
        let met = count(words);
        let times = |before: (u8, u8), letter| met.get(place(before, letter)).copied().unwrap_or_default();
        let mut chances = vec![0.0; PLACES];
        for first in (b'A'..=b'Z').chain([START]) {
            for second in (b'A'..=b'Z').chain([START]) {
                for letter in b'A'..=b'Z' {
                    let chance = surroundings(first, second).iter().fold(1.0 / 26.0, |chance, &before| {
                        (times(before, letter) + SMOOTHING * chance) / (times(before, ANY) + SMOOTHING)
                    });
                    if let Some(slot) = chances.get_mut(place((first, second), letter)) {
                        *slot = chance;
                    }
                }
            }
        }
        Self { chances }
    }

    /// The chances of the first 1, 2, 3 … letters of a text among all texts of as many letters; 0 from the first that is
    /// not in `A-Z`.
    pub(super) fn chances(&self, text: &[u8]) -> impl Iterator<Item = f64> {
        text.iter().scan(((START, START), 1.0), |((first, second), chance), &letter| {
            let next = self.chances.get(place((*first, *second), letter)).filter(|_| letter.is_ascii_uppercase());
            *chance *= next.copied().unwrap_or_default();
            (*first, *second) = (*second, letter);
            Some(*chance)
        })
    }
}

/// How often each letter, and any letter, was met in each surroundings; by [`place`].
fn count<'word>(words: impl Iterator<Item = &'word [u8]>) -> Vec<f64> {
    let mut met = vec![0.0; PLACES];
    for word in words {
        let (mut first, mut second) = (START, START);
        for &letter in word {
            for before in surroundings(first, second) {
                for letter in [letter, ANY] {
                    if let Some(times) = met.get_mut(place(before, letter)) {
                        *times += 1.0;
                    }
                }
            }
            (first, second) = (second, letter);
        }
    }
    met
}

/// None, one, two letters before.
fn surroundings(first: u8, second: u8) -> [(u8, u8); 3] {
    [(UNKNOWN, UNKNOWN), (UNKNOWN, second), (first, second)]
}

fn place((first, second): (u8, u8), letter: u8) -> usize {
    [first, second, letter].iter().fold(0, |place, sign| place * 32 + usize::from(sign & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Letters {
        Letters::learn(["BERLIN", "BERN", "BERT", "ALBERT"].iter().map(|word| word.as_bytes()))
    }

    fn chance(letters: &Letters, text: &[u8]) -> f64 {
        letters.chances(text).last().unwrap_or(1.0)
    }

    #[test]
    fn what_was_met_is_likelier() {
        let letters = learned();
        assert!(chance(&letters, b"BER") > chance(&letters, b"BRE"));
        assert!(chance(&letters, b"BRE") > 0.0);
    }

    #[test]
    fn the_chances_after_any_two_letters_add_up_to_one() {
        let letters = learned();
        for before in [&b""[..], b"B", b"BE", b"QX"] {
            let sum: f64 = (b'A'..=b'Z').map(|letter| chance(&letters, &[before, &[letter]].concat())).sum();
            assert!((sum / chance(&letters, before) - 1.0).abs() < 1e-9, "{before:?} {sum}");
        }
    }

    #[test]
    fn what_is_no_letter_has_no_chance() {
        for text in [&b"B1"[..], b"b", b"B^", "Ä".as_bytes()] {
            assert!(chance(&learned(), text) < f64::MIN_POSITIVE);
        }
    }
}
