//! The order in which targets are taken: a pseudo-random bijection, a function of seed and position.
//!
//! Neighbouring addresses are taken far apart in time, no list is held in memory, and any position can be computed
//! without those before it, which is what sharding and resuming need.

/// A permutation of the numbers below a length, decided by a seed.
///
/// A Feistel network over the smallest even number of bits that holds the length, with cycle walking: a number that
/// falls outside is sent through again until it falls inside, which takes fewer than four rounds on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    length: u64,
    half_bits: u32,
    keys: [u64; Order::ROUNDS],
}

impl Order {
    /// Four rounds already make a pseudo-random permutation (Luby and Rackoff, 1988); two more cost nothing.
    const ROUNDS: usize = 6;

    /// The order of `length` numbers for this seed.
    #[must_use]
    pub fn new(length: u64, seed: u64) -> Self {
        let bits = u64::BITS - length.saturating_sub(1).leading_zeros();
        let half_bits = bits.div_ceil(2).max(1);
        let mut state = seed;
        let keys = std::array::from_fn(|_| {
            // The increment of SplitMix64, so that neighbouring seeds share no key.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(state)
        });
        Self { length, half_bits, keys }
    }

    /// How many numbers there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The number at a position; `None` beyond the end.
    #[must_use]
    pub fn at(&self, position: u64) -> Option<u64> {
        if position >= self.length {
            return None;
        }
        let mut number = self.shuffle(position);
        while number >= self.length {
            number = self.shuffle(number);
        }
        Some(number)
    }

    fn shuffle(&self, number: u64) -> u64 {
        let mask = u64::MAX >> (u64::BITS - self.half_bits);
        let (mut left, mut right) = (number >> self.half_bits & mask, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ mix(right ^ key) & mask);
        }
        left << self.half_bits | right
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, 2014): every input bit reaches every output bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_exactly_once() {
        for length in [0, 1, 2, 3, 5, 16, 17, 255, 256, 257, 65_535, 65_537] {
            for seed in [0, 1, u64::MAX] {
                let order = Order::new(length, seed);
                let mut seen = vec![false; usize::try_from(length).unwrap()];
                for position in 0..length {
                    let number = usize::try_from(order.at(position).unwrap()).unwrap();
                    assert!(!std::mem::replace(&mut seen[number], true), "{number} of {length} came twice");
                }
                assert_eq!(order.at(length), None);
            }
        }
    }

    #[test]
    fn the_largest_lengths_do_not_overflow() {
        for length in [u64::MAX, 1 << 63, (1 << 48) - 1] {
            let order = Order::new(length, 7);
            assert!((0..1000).all(|position| order.at(position).unwrap() < length));
        }
    }

    #[test]
    fn seeds_and_neighbours_differ() {
        let (a, b) = (Order::new(1 << 16, 1), Order::new(1 << 16, 2));
        let same = (0..1 << 16).filter(|position| a.at(*position) == b.at(*position)).count();
        assert!(same < 20, "two random orders of 65,536 agree in about one place, these in {same}");
        // 256 positions in a row touch many of the 256 /24s of a /16: about 162 of them if the order is random.
        let touched: std::collections::BTreeSet<u64> = (0..256).map(|position| a.at(position).unwrap() >> 8).collect();
        assert!(touched.len() > 130, "{}", touched.len());
    }
}
