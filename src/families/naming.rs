//! Names as numbers: a generated name fits into 56 bits, which is what keeps ten million of them in memory.

use crate::knowledge::{Generator, Shape, shape};

/// Symbols of a suffix, each five bits.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
const GENERATOR_SHIFT: u32 = 56;
const CHOSEN: u64 = 1 << 63;
/// Longer labels are no DNS labels; nothing links by them, and a host may send millions of characters.
const MOST_BYTES: usize = 63;

/// A generator and from how many names it is taken to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The generator.
    pub generator: &'static Generator,
    /// `K` of the formulas in docs/families.md.
    pub possible_names: u64,
}

/// A name: drawn by a generator, or chosen by a person (an index), or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(u64);

impl Name {
    pub(super) const NONE: Self = Self(u64::MAX);

    /// The name as one of a generator's, if it has exactly the form and is nothing that a person would think of.
    pub(super) fn drawn(label: &str, drawn: &[Drawn]) -> Option<Self> {
        let Some(Shape::Generated(generator)) = shape(label) else { return None };
        let number = drawn.iter().position(|one| one.generator.name == generator.name)?;
        let suffix = label.as_bytes().get(generator.name.len() + 1..)?;
        let value = suffix.iter().try_fold(0_u64, |value, symbol| {
            let symbol = symbol.to_ascii_uppercase();
            let digit = if symbol.is_ascii_digit() { symbol - b'0' } else { symbol.checked_sub(b'A')? + 10 };
            Some(value << 5 | u64::from(digit))
        })?;
        Some(Self(u64::try_from(number).ok()? << GENERATOR_SHIFT | value))
    }

    pub(super) fn chosen(index: u32) -> Self {
        Self(CHOSEN | u64::from(index))
    }

    /// The position of the generator that drew it.
    pub(super) fn generator(self) -> Option<usize> {
        let is_drawn = self.0 & CHOSEN == 0;
        is_drawn.then(|| usize::try_from(self.0 >> GENERATOR_SHIFT).unwrap_or(usize::MAX))
    }

    /// The index of a chosen name.
    pub(super) fn index(self) -> Option<usize> {
        let is_chosen = self != Self::NONE && self.0 & CHOSEN != 0;
        is_chosen.then(|| usize::try_from(self.0 & !CHOSEN).unwrap_or(usize::MAX))
    }

    /// A drawn name as text.
    pub(super) fn text(self, drawn: &[Drawn]) -> Option<String> {
        let Generator { name, suffix_length, .. } = drawn.get(self.generator()?)?.generator;
        let symbol = |place: u32| {
            let digit = usize::try_from(self.0 >> (5 * place) & 31).unwrap_or_default();
            char::from(SYMBOLS.get(digit).copied().unwrap_or_default())
        };
        Some(format!("{name}-{}", (0..*suffix_length).rev().map(symbol).collect::<String>()))
    }
}

/// A chosen name as it is kept: without case, and no longer than a label.
pub(super) fn folded(label: &str) -> Box<str> {
    let end = (0..=MOST_BYTES.min(label.len())).rev().find(|end| label.is_char_boundary(*end)).unwrap_or_default();
    label.get(..end).unwrap_or_default().to_ascii_uppercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::GENERATORS;

    fn drawn() -> Vec<Drawn> {
        GENERATORS.iter().map(|generator| Drawn { generator, possible_names: generator.possible_names() }).collect()
    }

    #[test]
    fn generated_names_come_back_as_they_were() {
        let drawn = drawn();
        for name in ["WIN-BUNS25TD77J", "DESKTOP-J5KHCJB", "EC2AMAZ-FHUDDFC", "LAPTOP-9RK1V0QT", "MININT-7Q0VK2D"] {
            let number = Name::drawn(&name.to_lowercase(), &drawn).unwrap();
            assert_eq!(number.text(&drawn).as_deref(), Some(name));
            assert_eq!(number.index(), None);
        }
        for name in ["WIN-SQLSERVER01", "WIN-BUNS25TD77W", "SERVER", "", "WIN-", "WIN-BUNS25TD77\u{212A}"] {
            assert_eq!(Name::drawn(name, &drawn), None, "{name}");
        }
        assert_eq!((Name::chosen(7).index(), Name::chosen(7).generator(), Name::NONE.index()), (Some(7), None, None));
        assert_eq!((Name::NONE.text(&drawn), Name::NONE.generator()), (None, None));
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(&*folded("dc01"), "DC01");
        assert_eq!(folded(&"ä".repeat(1_000_000)).len(), 62);
    }
}
