use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::observe::{FIELDS, Mcs, Ntlm, Status, Tls};

/// A CHALLENGE with this challenge and time, and a name between.
fn challenge(number: u8, time: u8) -> Vec<u8> {
    let mut raw = b"NTLMSSP\0\x02\0\0\0".to_vec();
    raw.resize(24, 0);
    raw.extend_from_slice(&[number; 8]);
    raw.extend_from_slice(&[0; 8]);
    raw.extend_from_slice(&[22, 0, 22, 0, 56, 0, 0, 0]);
    raw.extend_from_slice(&[10, 0, 0x7C, 0x4F, 0, 0, 0, 15]);
    raw.extend_from_slice(&[1, 0, 2, 0, b'A', 0, 7, 0, 8, 0]);
    raw.extend_from_slice(&[time; 8]);
    raw.extend_from_slice(&[0, 0, 0, 0]);
    raw
}

fn seen(second: i64, number: u8) -> Observation {
    let mut seen = Observation::begin([127, 0, 0, 1].into(), 3389, Timestamp::from_second(second).unwrap());
    seen.status = Status::Success;
    seen.rtt_us = Some(u64::from(number));
    let random = Some(Hex(vec![number; 32]));
    let hello = Some(Hex(vec![number; 80]));
    seen.tls = Some(Tls { server_random: random.clone(), server_hello: hello, ..Tls::default() });
    let raw = Some(Hex([&[3, 0][..], &[number; 32], &[9, 9]].concat()));
    seen.mcs = Some(Mcs { server_random: random, raw, ..Mcs::default() });
    seen.ntlm = Some(Ntlm {
        netbios_computer_name: Some("A".to_owned()),
        system_time: Some(Timestamp::from_second(second).unwrap()),
        clock_skew_ms: Some(second),
        raw: Some(Hex(challenge(number, number))),
        ..Ntlm::default()
    });
    seen
}

#[test]
fn every_field_is_either_masked_or_compared() {
    let masked: BTreeSet<&str> = MASKED.iter().map(|(name, _)| *name).collect();
    let compared: BTreeSet<&str> = COMPARED.iter().copied().collect();
    let fields: BTreeSet<&str> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(masked.intersection(&compared).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(masked.union(&compared).copied().collect::<BTreeSet<_>>(), fields);
    assert_eq!(masked.len() + compared.len(), MASKED.len() + COMPARED.len(), "a name stands twice");
}

#[test]
fn what_passes_is_no_difference_and_everything_else_is() {
    let first = seen(1, 1);
    assert_eq!(first.likeness(), seen(2, 2).likeness());
    let mut renamed = seen(1, 1);
    renamed.ntlm.as_mut().unwrap().netbios_computer_name = Some("B".to_owned());
    assert_ne!(first.likeness(), renamed.likeness());
    // A byte of the message that no field holds, too.
    let mut odd = seen(1, 1);
    odd.ntlm.as_mut().unwrap().raw.as_mut().unwrap().0[60] = b'B';
    assert_ne!(first.likeness(), odd.likeness());
    let mut other = seen(1, 1);
    other.mcs.as_mut().unwrap().raw.as_mut().unwrap().0[35] = 8;
    assert_ne!(first.likeness(), other.likeness());
    let mut without = seen(1, 1);
    without.ntlm.as_mut().unwrap().raw = None;
    assert_ne!(first.likeness(), without.likeness());
}

#[test]
fn another_look_is_told_exactly_where_its_passing_values_are_kept() {
    let (first, second) = (seen(1, 1), seen(2, 2));
    assert_eq!(first.at_another_look(&second.passing()), second);
    assert_eq!(second.at_another_look(&first.passing()), first);
    let few: Passing = second.passing().into_iter().filter(|(path, _)| path == "seen_at").collect();
    let told = first.at_another_look(&few);
    assert_eq!((told.seen_at, told.rtt_us), (second.seen_at, None));
    let ntlm = told.ntlm.unwrap();
    assert_eq!((ntlm.raw, ntlm.system_time, ntlm.clock_skew_ms), (None, None, None), "not known, so not told");
}

#[test]
fn lying_lengths_end_the_search() {
    let whole = challenge(1, 1);
    for length in 0..whole.len() {
        let mut cut = whole[..length].to_vec();
        blank_challenge(&mut cut);
        assert_eq!(cut.len(), length);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut changed = whole.clone();
            changed[at] = value;
            blank_challenge(&mut changed);
        }
    }
    let (mut one, mut other) = (challenge(1, 1), challenge(9, 7));
    blank_challenge(&mut one);
    blank_challenge(&mut other);
    assert_eq!(one, other);
    assert_ne!(one, vec![0; one.len()]);
}
