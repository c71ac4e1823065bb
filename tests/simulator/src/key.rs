//! Numbered RSA keys, as many as a population needs, without generating one.
//!
//! A key is the product of two primes of a pool, so key number `i` is the same in every process and costs no search. The pool
//! (`data/primes-1024.bin`, 512 primes of 128 bytes, big-endian; `data/primes-512.bin`, 64 of 64 bytes) was made with
//! `openssl prime -generate -bits 1024 -hex` (and `-bits 512`), which sets the two top bits of each prime: every product then
//! has its full 2048 (1024) bits. The keys protect nothing and share factors with one another on purpose.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex};

use num_bigint::BigUint;

use crate::rsa::RsaKey;

static PRIMES_1024: &[u8] = include_bytes!("../data/primes-1024.bin");
static PRIMES_512: &[u8] = include_bytes!("../data/primes-512.bin");

/// Prepared keys kept at most; the oldest goes first. One takes a few kilobytes.
const CACHED: usize = 4096;

/// The name of a key: its size and its number. Equal names are equal keys, and different names are different moduli.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    size: Size,
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Size {
    Rsa1024,
    Rsa2048,
}

impl Key {
    /// How many RSA-2048 keys there are; numbers go from 0 to one less.
    pub const RSA_2048_KEYS: u32 = pairs(512);
    /// How many RSA-1024 keys there are; numbers go from 0 to one less.
    pub const RSA_1024_KEYS: u32 = pairs(64);

    /// RSA-2048 key number `number`, the size that Windows makes.
    ///
    /// # Panics
    /// When `number` is not below [`Key::RSA_2048_KEYS`], because wrapping around would hand out one key twice.
    #[must_use]
    pub const fn rsa2048(number: u32) -> Self {
        assert!(number < Self::RSA_2048_KEYS, "no RSA-2048 key has this number");
        Self { size: Size::Rsa2048, number }
    }

    /// RSA-1024 key number `number`, which Windows does not make.
    ///
    /// # Panics
    /// When `number` is not below [`Key::RSA_1024_KEYS`].
    #[must_use]
    pub const fn rsa1024(number: u32) -> Self {
        assert!(number < Self::RSA_1024_KEYS, "no RSA-1024 key has this number");
        Self { size: Size::Rsa1024, number }
    }

    /// Another key of the same size.
    pub(crate) const fn other(self) -> Self {
        match self.size {
            Size::Rsa2048 => Self::rsa2048((self.number + 1) % Self::RSA_2048_KEYS),
            Size::Rsa1024 => Self::rsa1024((self.number + 1) % Self::RSA_1024_KEYS),
        }
    }

    /// The modulus, big-endian, 256 or 128 bytes.
    #[must_use]
    pub fn modulus(self) -> Vec<u8> {
        let (p, q) = self.primes();
        (p * q).to_bytes_be()
    }

    /// The key made ready to sign, from the cache where it was used lately.
    pub(crate) fn ready(self) -> Arc<RsaKey> {
        if let Some(key) = CACHE.lock().unwrap().keys.get(&self) {
            return key.clone();
        }
        // Two threads may prepare one key at once: cheaper than holding the lock over the arithmetic.
        let (p, q) = self.primes();
        let key = Arc::new(RsaKey::from_primes(p, q));
        CACHE.lock().unwrap().insert(self, key.clone());
        key
    }

    /// Two primes, the `number`-th pair of the pool when pairs are counted by the distance between their places.
    fn primes(self) -> (BigUint, BigUint) {
        let (pool, width) = match self.size {
            Size::Rsa2048 => (PRIMES_1024, 128),
            Size::Rsa1024 => (PRIMES_512, 64),
        };
        let count = pool.len() / width;
        let number = usize::try_from(self.number).unwrap();
        let (place, distance) = (number % count, number / count + 1);
        let prime = |i: usize| BigUint::from_bytes_be(&pool[i * width..(i + 1) * width]);
        (prime(place), prime((place + distance) % count))
    }
}

/// Pairs of `primes` places less than half the ring apart, each counted once.
const fn pairs(primes: u32) -> u32 {
    primes * (primes / 2 - 1)
}

#[derive(Default)]
struct Cache {
    keys: HashMap<Key, Arc<RsaKey>>,
    order: VecDeque<Key>,
}

impl Cache {
    fn insert(&mut self, name: Key, key: Arc<RsaKey>) {
        if self.keys.insert(name, key).is_none() {
            self.order.push_back(name);
        }
        if self.order.len() > CACHED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_pool_holds_distinct_primes_that_suit_the_exponent() {
        for (pool, width) in [(PRIMES_1024, 128), (PRIMES_512, 64)] {
            let primes: HashSet<&[u8]> = pool.chunks(width).collect();
            assert_eq!(primes.len() * width, pool.len());
            for prime in primes {
                assert_eq!(prime[0] >> 6, 3, "the two top bits are set");
                let number = BigUint::from_bytes_be(prime);
                assert_ne!(&number % 65_537u32, BigUint::from(1u32), "65537 has an inverse");
            }
        }
    }

    #[test]
    fn a_pair_is_used_once() {
        let mut seen = HashSet::new();
        for number in 0..Key::RSA_2048_KEYS {
            let (place, distance) = (number % 512, number / 512 + 1);
            let other = (place + distance) % 512;
            assert!(seen.insert((place.min(other), place.max(other))), "{number}");
        }
    }

    #[test]
    fn moduli_have_all_their_bits() {
        for number in [0, 1, 511, 512, 99_999, Key::RSA_2048_KEYS - 1] {
            let modulus = Key::rsa2048(number).modulus();
            assert_eq!((modulus.len(), modulus[0] >> 7), (256, 1), "{number}");
        }
        assert_eq!(Key::rsa1024(Key::RSA_1024_KEYS - 1).modulus().len(), 128);
    }
}
