//! Numbers that look random and follow from a seed, an address and a purpose.

use std::net::Ipv4Addr;

/// The symbols of names that Windows Setup makes up: W to Z do not occur.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";

/// A number for this purpose at this address.
pub(crate) fn draw(seed: u64, address: Ipv4Addr, purpose: &str) -> u64 {
    let mut state = mix(seed ^ 0x9E37_79B9_7F4A_7C15) ^ u64::from(address.to_bits());
    for byte in purpose.bytes() {
        state = mix(state ^ u64::from(byte));
    }
    mix(state)
}

/// A number below `bound`, which is small beside 2^64.
pub(crate) fn below(bound: u64, number: u64) -> u64 {
    number % bound
}

/// One of `choices`.
pub(crate) fn choose<T>(choices: &[T], number: u64) -> &T {
    &choices[usize::try_from(below(choices.len() as u64, number)).unwrap()]
}

/// `length` symbols that no other address has under this seed: the address is permuted in a space of 32^length, at most 32^12.
pub(crate) fn generated(seed: u64, address: Ipv4Addr, length: u32) -> String {
    let bits = 5 * length;
    let mask = (1u64 << bits) - 1;
    let mut number = u64::from(address.to_bits()) ^ mix(seed) & mask;
    // Multiplying by an odd number and folding the upper half onto the lower one are both invertible below 2^bits.
    for odd in [0x9E37_79B9_7F4A_7C15, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        number = number.wrapping_mul(odd) & mask;
        number ^= number >> (bits / 2);
    }
    (0..length).map(|place| char::from(SYMBOLS[usize::try_from(number >> (5 * place) & 31).unwrap()])).collect()
}

/// The finalizer of splitmix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generated_names_are_distinct_and_use_the_alphabet() {
        for length in [7, 11] {
            let names: HashSet<String> =
                (0..65_536).map(|low| generated(7, Ipv4Addr::from_bits(0x7F01_0000 + low), length)).collect();
            assert_eq!(names.len(), 65_536);
            assert!(
                names.iter().all(|name| name.len() == length as usize && name.bytes().all(|b| SYMBOLS.contains(&b)))
            );
        }
    }

    #[test]
    fn draws_differ_by_seed_address_and_purpose() {
        let one = draw(1, Ipv4Addr::LOCALHOST, "a");
        assert_ne!(one, draw(2, Ipv4Addr::LOCALHOST, "a"));
        assert_ne!(one, draw(1, Ipv4Addr::new(127, 0, 0, 2), "a"));
        assert_ne!(one, draw(1, Ipv4Addr::LOCALHOST, "b"));
    }
}
