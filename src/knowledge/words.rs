//! Did a person think of this text, or did a generator draw it?
//!
//! People name machines in pieces: words (`SERVER`), numbers (`01`), letters that sound like a language (`LSANCHES`),
//! patterns (`1111111`). [`human_odds`] reads a text as every possible row of such pieces, adds up their chances and
//! compares the sum with the chance that the generator draws the text.
//!
//! The chances of all texts of one length add up to at most 1. So whatever `words.txt` holds, a generator draws a text
//! of odds `t` or more at most once in `t` times (Markov's inequality); in truth it is far rarer, see the tests of
//! `names`. The shares below were tuned on names of people and towns that `words.txt` does not list.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::letters::Letters;

/// Written by hand for this project: what people call machines, in several languages, and their own names.
const WORDS: &str = include_str!("words.txt");
/// Symbols that the generator draws from, and symbols that people write.
const DRAWN_SYMBOLS: f64 = 32.0;
const WRITTEN_SYMBOLS: f64 = 36.0;
/// How often a piece is a word, a number, letters or a pattern.
const WORD_SHARE: f64 = 0.40;
const NUMBER_SHARE: f64 = 0.20;
const LETTERS_SHARE: f64 = 0.38;
const PATTERN_SHARE: f64 = 0.02;
/// Of the words, how many have digits in place of letters.
const DISGUISED_SHARE: f64 = 1.0 / 32.0;
/// Such a digit and the letter that it stands for.
const DISGUISES: [(u8, u8); 6] = [(b'0', b'O'), (b'1', b'I'), (b'3', b'E'), (b'4', b'A'), (b'5', b'S'), (b'7', b'T')];
/// How often a number has 1, 2, 3 … digits.
const NUMBER_LENGTHS: [f64; 12] = [0.35, 0.35, 0.12, 0.10, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01];
/// Pieces of letters and patterns have one of these lengths, all equally often.
const LETTERS_LENGTHS: RangeInclusive<usize> = 1..=12;
const LETTERS_OF_A_LENGTH: f64 = 1.0 / 12.0;
const PATTERN_LENGTHS: RangeInclusive<usize> = 4..=13;
const PATTERNS_OF_A_LENGTH: f64 = 1.0 / 10.0;

/// Longer texts are not looked at; a DNS label has no more bytes (RFC 1035, section 2.3.4).
pub(super) const LONGEST_TEXT: usize = 63;
/// Three letters of five bits each.
const HEADS: usize = 1 << 15;

static MODEL: LazyLock<Model> = LazyLock::new(Model::learn);

/// How much likelier it is that a person wrote `text` than that a uniform generator drew it: 1 is undecided, 16 is
/// sixteen times.
///
/// `text` consists of `0-9` and `A-Z`; any other byte makes it 0. The work grows with the square of the length and takes
/// less than a microsecond for 12 symbols; texts beyond [`LONGEST_TEXT`] are 0, too.
pub(super) fn human_odds(text: &[u8]) -> f64 {
    let model = &*MODEL;
    let Some(of_length) = model.rows_of_length.get(text.len()) else { return 0.0 };
    // The chances of the first 0, 1, 2 … symbols.
    let mut sums = [0.0; LONGEST_TEXT + 1];
    sums[0] = 1.0;
    let mut plain = [0; LONGEST_TEXT];
    for (letter, symbol) in plain.iter_mut().zip(text) {
        *letter = undisguised(*symbol);
    }
    for start in 0..text.len() {
        let before = sums.get(start).copied().unwrap_or_default();
        let (rest, plain) = (text.get(start..).unwrap_or_default(), plain.get(start..).unwrap_or_default());
        model.add_pieces(rest, plain, before, sums.get_mut(start + 1..).unwrap_or_default());
    }
    let written = sums.get(text.len()).copied().unwrap_or_default();
    // The length tells nothing: the caller asks because the text has the generator's length.
    written / of_length * text.iter().map(|_| DRAWN_SYMBOLS).product::<f64>()
}

/// The chances that rows of pieces have 0, 1, 2 … symbols in all, where a piece has `lengths`.
fn rows_of_length(lengths: &[f64]) -> Vec<f64> {
    let mut sums = vec![1.0];
    for end in 1..=LONGEST_TEXT {
        let of_piece = |start: usize| lengths.get(end - start).copied().unwrap_or_default();
        sums.push(sums.iter().enumerate().map(|(start, sum)| sum * of_piece(start)).sum());
    }
    sums
}

fn undisguised(symbol: u8) -> u8 {
    if symbol > b'9' {
        return symbol;
    }
    DISGUISES.iter().find(|(digit, _)| *digit == symbol).map_or(symbol, |(_, letter)| *letter)
}

/// The listed words, without comments.
fn words() -> impl Iterator<Item = &'static str> {
    WORDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What is learned from the words.
struct Model {
    words: HashSet<&'static [u8]>,
    /// By the [`head`] of a word, its lengths: bit n is set where a word of n symbols begins so.
    heads: Vec<u64>,
    /// How often a word is a certain one of them; all are equally frequent.
    one_word: f64,
    letters: Letters,
    /// Chance that a row of pieces has this many symbols.
    rows_of_length: Vec<f64>,
}

impl Model {
    fn learn() -> Self {
        let words: HashSet<&'static [u8]> = words().map(str::as_bytes).collect();
        let mut heads = vec![0_u64; HEADS];
        for word in &words {
            if let Some(lengths) = heads.get_mut(head(word)) {
                *lengths |= 1 << word.len();
            }
        }
        let one_word = 1.0 / words.iter().map(|_| 1.0).sum::<f64>();
        let letters = Letters::learn(words.iter().copied());
        let longest = words.iter().map(|word| word.len()).chain([NUMBER_LENGTHS.len(), *PATTERN_LENGTHS.end()]).max();
        let chance_of_length = |length| {
            let of_length: f64 = words.iter().filter(|word| word.len() == length).map(|_| one_word).sum();
            WORD_SHARE * of_length
                + NUMBER_SHARE * number_length(length)
                + LETTERS_SHARE * letters_length(length)
                + PATTERN_SHARE * pattern_length(length)
        };
        let lengths: Vec<f64> = (0..=longest.unwrap_or_default()).map(chance_of_length).collect();
        Self { words, heads, one_word, letters, rows_of_length: rows_of_length(&lengths) }
    }

    /// Adds `before` times the chance of each piece at the front of `text` to the sum of its end: `ends` begins with the
    /// end of the first symbol. `plain` is the text with letters for digits that may stand for them.
    fn add_pieces(&self, text: &[u8], plain: &[u8], before: f64, ends: &mut [f64]) {
        let mut add = |length: usize, chance: f64| {
            if let Some(sum) = length.checked_sub(1).and_then(|index| ends.get_mut(index)) {
                *sum += before * chance;
            }
        };
        let letters = self.letters.chances(text).take(*LETTERS_LENGTHS.end()).take_while(|chance| *chance > 0.0);
        for (index, chance) in letters.enumerate() {
            add(index + 1, LETTERS_SHARE * LETTERS_OF_A_LENGTH * chance);
        }
        let digits = text.iter().take_while(|symbol| symbol.is_ascii_digit()).count();
        for length in 1..=digits {
            add(length, NUMBER_SHARE * number(text.get(..length).unwrap_or_default()));
        }
        for length in *PATTERN_LENGTHS.start()..=longest_pattern(text) {
            add(length, PATTERN_SHARE * pattern(text.get(..length).unwrap_or_default()));
        }
        // A word of two letters has a head of its own, and one bit.
        let two = self.lengths(plain.get(..2).unwrap_or_default());
        let mut lengths = two | self.lengths(plain.get(..3).unwrap_or_default());
        while lengths != 0 {
            let length = lengths.trailing_zeros() as usize;
            lengths &= lengths - 1;
            if let (Some(piece), Some(plain)) = (text.get(..length), plain.get(..length)) {
                add(length, WORD_SHARE * self.word(piece, plain));
            }
        }
    }

    /// The lengths of words with this head, as bits.
    fn lengths(&self, text: &[u8]) -> u64 {
        self.heads.get(head(text)).copied().unwrap_or_default()
    }

    fn word(&self, piece: &[u8], plain: &[u8]) -> f64 {
        if !self.words.contains(plain) {
            return 0.0;
        }
        if piece == plain {
            return self.one_word * (1.0 - DISGUISED_SHARE);
        }
        let has_disguise = |letter: &&u8| DISGUISES.iter().any(|(_, disguised)| disguised == *letter);
        self.one_word * DISGUISED_SHARE * plain.iter().filter(has_disguise).map(|_| 0.5).product::<f64>()
    }
}

/// As much of the front of a text as may be a pattern: two symbols, or steps of one.
fn longest_pattern(text: &[u8]) -> usize {
    let Some((&first, others)) = text.split_first() else { return 0 };
    let second = others.iter().find(|symbol| **symbol != first);
    let pair = text.iter().take_while(|symbol| **symbol == first || Some(*symbol) == second).count();
    let run = 1 + text.iter().zip(others).take_while(|(one, next)| one.abs_diff(**next) == 1).count();
    pair.max(run).min(*PATTERN_LENGTHS.end())
}

/// The first three letters as a number below [`HEADS`]; a missing one is 0.
fn head(text: &[u8]) -> usize {
    let letter = |index| text.get(index).map_or(0, |letter| usize::from(letter & 31));
    letter(0) << 10 | letter(1) << 5 | letter(2)
}

fn number_length(length: usize) -> f64 {
    length.checked_sub(1).and_then(|index| NUMBER_LENGTHS.get(index)).copied().unwrap_or_default()
}

/// Half of all numbers are any number, a quarter count (`1`, `01`, `001`), a quarter of those with four digits are years.
fn number(piece: &[u8]) -> f64 {
    if !piece.iter().all(u8::is_ascii_digit) {
        return 0.0;
    }
    let counts = piece.split_last().is_some_and(|(_, before)| before.iter().all(|digit| *digit == b'0'));
    let is_year = piece.len() == 4 && piece.starts_with(b"20");
    let any = piece.iter().map(|_| 0.1).product::<f64>();
    let counted = if counts { 0.1 } else { 0.0 };
    let year = if is_year { 0.01 } else { 0.0 };
    number_length(piece.len()) * (any / 2.0 + counted / 4.0 + year / 4.0)
}

fn letters_length(length: usize) -> f64 {
    if LETTERS_LENGTHS.contains(&length) { LETTERS_OF_A_LENGTH } else { 0.0 }
}

fn pattern_length(length: usize) -> f64 {
    if PATTERN_LENGTHS.contains(&length) { PATTERNS_OF_A_LENGTH } else { 0.0 }
}

/// One symbol repeated, two symbols mixed, or a run up or down; each kind a third of all patterns.
fn pattern(piece: &[u8]) -> f64 {
    let (Some(&first), true) = (piece.first(), PATTERN_LENGTHS.contains(&piece.len())) else { return 0.0 };
    let mut others = piece.iter().copied().filter(|symbol| *symbol != first);
    let kind = match others.next() {
        None => 1.0 / WRITTEN_SYMBOLS,
        Some(second) if others.all(|symbol| symbol == second) => {
            let pairs = WRITTEN_SYMBOLS * (WRITTEN_SYMBOLS - 1.0) / 2.0;
            piece.iter().map(|_| 0.5).product::<f64>() / pairs
        }
        Some(_) if runs(piece, 1) || runs(piece, -1) => 0.5 / WRITTEN_SYMBOLS,
        Some(_) => 0.0,
    };
    PATTERNS_OF_A_LENGTH * kind / 3.0
}

fn runs(piece: &[u8], step: i8) -> bool {
    piece.iter().zip(piece.iter().skip(1)).all(|(one, next)| one.checked_add_signed(step) == Some(*next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_of_words_is_sorted_and_no_word_stands_twice() {
        let mut met = HashSet::new();
        let mut last = "";
        for line in WORDS.lines() {
            if line.starts_with('#') {
                last = "";
                continue;
            }
            assert!(line.len() >= 2 && line.bytes().all(|byte| byte.is_ascii_uppercase()), "`{line}` is no word");
            assert!(last < line, "`{line}` stands after `{last}`");
            assert!(met.insert(line), "`{line}` stands twice");
            last = line;
        }
        assert!(met.len() > 1000);
    }

    /// Markov's inequality needs this.
    #[test]
    fn the_chances_of_all_texts_of_one_length_add_up_to_at_most_one() {
        let symbols: Vec<u8> = (b'0'..=b'9').chain(b'A'..=b'Z').collect();
        let chance = |text: &[u8]| human_odds(text) / text.iter().map(|_| DRAWN_SYMBOLS).product::<f64>();
        let one: f64 = symbols.iter().map(|symbol| chance(&[*symbol])).sum();
        let mut three = 0.0;
        for first in &symbols {
            for second in &symbols {
                three += symbols.iter().map(|third| chance(&[*first, *second, *third])).sum::<f64>();
            }
        }
        assert!((0.5..=1.0).contains(&one) && (0.5..=1.0).contains(&three), "{one} {three}");
    }

    #[test]
    fn odds_follow_what_people_write() {
        for human in ["SERVER", "FILESERVER1", "S3RV3R1", "LSANCHES", "2022SQL01", "1111111", "7654321", "ABABABAB"] {
            assert!(human_odds(human.as_bytes()) > 100.0, "{human}");
        }
        for drawn in ["J5KHCJB", "QKVE59Z", "LIVFRVQFMKO", "8OA3CCQAE4D"] {
            assert!(human_odds(drawn.as_bytes()) < 0.01, "{drawn}");
        }
    }

    #[test]
    fn odd_input_makes_no_trouble() {
        assert!((human_odds(b"") - 1.0).abs() < 1e-9);
        assert!(human_odds(b"a") < f64::MIN_POSITIVE);
        assert!(human_odds("Ü".as_bytes()) < f64::MIN_POSITIVE);
        assert!(human_odds(&[b'A'; LONGEST_TEXT]).is_finite());
        assert!(human_odds(&[b'A'; LONGEST_TEXT + 1]) < f64::MIN_POSITIVE);
    }
}
