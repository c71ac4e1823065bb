//! What links looks: certificates by any of their parts, and what is linked through several steps.

use super::population::{NONE, Population};
use super::seen::OwnCertificate;

/// Sets that are joined step by step. The smallest number of a set stands for it, so the order of joining does not matter.
#[derive(Debug)]
pub(super) struct Joined(Vec<u32>);

impl Joined {
    pub(super) fn of(size: usize) -> Self {
        Self((0..u32::try_from(size).unwrap_or(NONE)).collect())
    }

    fn above(&self, one: u32) -> u32 {
        usize::try_from(one).ok().and_then(|one| self.0.get(one)).copied().unwrap_or(one)
    }

    fn hang(&mut self, one: u32, above: u32) {
        if let Some(place) = usize::try_from(one).ok().and_then(|one| self.0.get_mut(one)) {
            *place = above;
        }
    }

    /// The number that stands for the set of `one`.
    pub(super) fn find(&mut self, mut one: u32) -> u32 {
        while self.above(one) != one {
            // Halving the way keeps later ones short.
            let above = self.above(self.above(one));
            self.hang(one, above);
            one = above;
        }
        one
    }

    pub(super) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.hang(one.max(other), one.min(other));
    }
}

/// For each certificate the class of those that share DER, key or serial number with it, directly or in steps.
pub(super) fn classes(population: &Population) -> Vec<u32> {
    let mut joined = Joined::of(population.certificates.len());
    join_equal(population, &mut joined, |own| own.sha256.as_ref().map(<[u8; 32]>::as_slice));
    join_equal(population, &mut joined, |own| own.key.as_ref().map(<[u8; 32]>::as_slice));
    join_equal(population, &mut joined, |own| own.serial.as_ref().map(<[u8; 16]>::as_slice));
    (0..u32::try_from(population.certificates.len()).unwrap_or(NONE)).map(|one| joined.find(one)).collect()
}

fn join_equal(population: &Population, joined: &mut Joined, part: fn(&OwnCertificate) -> Option<&[u8]>) {
    let part = |index: u32| population.certificate(index).and_then(part);
    // Eight bytes decide nearly always, and are sorted without looking anything up.
    let head = |bytes: &[u8]| bytes.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    let all = 0..u32::try_from(population.certificates.len()).unwrap_or(NONE);
    let mut order: Vec<(u64, u32)> = all.filter_map(|index| Some((head(part(index)?), index))).collect();
    order.sort_unstable();
    for alike in order.chunk_by_mut(|one, other| one.0 == other.0).filter(|alike| alike.len() > 1) {
        alike.sort_unstable_by(|one, other| part(one.1).cmp(&part(other.1)).then(one.1.cmp(&other.1)));
        for pair in alike.windows(2) {
            if let [(_, one), (_, other)] = pair
                && part(*one) == part(*other)
            {
                joined.join(*one, *other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_in_steps_is_one_set_in_any_order() {
        let pairs = [(0, 1), (2, 3), (1, 3), (5, 6), (6, 5), (8, 8)];
        let sets = |pairs: &mut dyn Iterator<Item = (u32, u32)>| {
            let mut joined = Joined::of(9);
            pairs.for_each(|(one, other)| joined.join(one, other));
            (0..9).map(|one| joined.find(one)).collect::<Vec<_>>()
        };
        let wanted = vec![0, 0, 0, 0, 4, 5, 5, 7, 8];
        assert_eq!(sets(&mut pairs.into_iter()), wanted);
        assert_eq!(sets(&mut pairs.into_iter().rev()), wanted);
        assert_eq!(Joined::of(2).find(7), 7);
    }

    #[test]
    fn certificates_that_share_any_part_are_of_one_class() {
        let mut population = Population::new();
        let own = |sha256: u8, key: u8, serial: u8| OwnCertificate {
            sha256: (sha256 > 0).then_some([sha256; 32]),
            key: (key > 0).then_some([key; 32]),
            serial: (serial > 0).then_some([serial; 16]),
            not_before: i64::from(sha256),
        };
        for one in [own(1, 1, 1), own(2, 2, 2), own(3, 2, 3), own(0, 0, 3), own(0, 0, 0), own(4, 4, 4)] {
            population.certificates.insert(one);
        }
        let classes = classes(&population);
        assert_eq!(classes, [0, 1, 1, 1, 4, 5]);
    }
}
