use super::*;

/// A look at address `ip`, `time` hours after the start, at certificate `class` made `made` hours after the start.
fn look(ip: u8, time: i64, class: u32, made: i64) -> Look {
    let settled = made * HOUR + RENEWAL_MARGIN;
    let mut address = [0; 16];
    address[15] = ip;
    Look { endpoint: (address, 3389), time: time * HOUR, class: Some(class), settled, skew_ms: NO_SKEW }
}

fn with_skew(look: Look, skew_ms: i32) -> Look {
    Look { skew_ms, ..look }
}

fn machines(looks: &[Look]) -> u64 {
    tell_apart(&mut looks.to_vec()).machines
}

#[test]
fn certificates_that_overlap_are_two_machines() {
    assert_eq!(machines(&[]), 0);
    assert_eq!(machines(&[look(1, 5, 0, -900)]), 1);
    // The older one is seen after the newer one has settled, and an hour before that it is not.
    assert_eq!(machines(&[look(1, 49, 0, -900), look(2, 30, 1, 0)]), 2);
    assert_eq!(machines(&[look(1, 48, 0, -900), look(2, 30, 1, 0)]), 1);
    // Three at once, of which two are of one age.
    assert_eq!(machines(&[look(1, 0, 0, -900), look(2, 1, 1, -900), look(3, 2, 2, -100)]), 3);
    // One machine that renews, twice.
    assert_eq!(machines(&[look(1, 0, 0, -900), look(2, 60, 1, 10), look(3, 140, 2, 80)]), 1);
}

#[test]
fn one_endpoint_proves_nothing() {
    // Renewed, and rolled back to a snapshot from before.
    assert_eq!(machines(&[look(1, 0, 0, -900), look(1, 60, 1, 10), look(1, 120, 0, -900)]), 1);
    assert_eq!(machines(&[look(1, 0, 0, -900), look(1, 1, 1, -800), look(1, 2, 2, -700)]), 1);
}

#[test]
fn the_most_at_once_is_what_comparing_all_finds() {
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap()
    };
    for _ in 0..500 {
        let size = 1 + draw(9);
        let looks: Vec<Look> = (0..size)
            .map(|ip| look(u8::try_from(ip).unwrap(), draw(168), u32::try_from(ip).unwrap(), draw(300) - 200))
            .collect();
        let apart = |one: &Look, other: &Look| {
            let (older, newer) = if one.settled <= other.settled { (one, other) } else { (other, one) };
            older.time > newer.settled || one.settled == other.settled && newer.time > older.settled
        };
        let sets = (0_u32..1 << size).filter(|set| {
            let members: Vec<&Look> =
                looks.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, look)| look).collect();
            members.iter().enumerate().all(|(i, one)| members[..i].iter().all(|other| apart(one, other)))
        });
        let largest = sets.map(u32::count_ones).max().unwrap();
        assert_eq!(machines(&looks), u64::from(largest), "{looks:?}");
    }
}

#[test]
fn clocks_tell_machines_with_one_certificate_apart() {
    let at = |ip, time, skew| with_skew(look(ip, time, 0, -900), skew);
    assert_eq!(machines(&[at(1, 0, 100), at(2, 0, 2_100)]), 1);
    assert_eq!(machines(&[at(1, 0, 100), at(2, 0, 2_101)]), 2);
    assert_eq!(machines(&[at(1, 0, 100), at(2, 1, 2_101)]), 2, "an hour apart");
    assert_eq!(machines(&[at(1, 0, 100), at(2, 2, 9_000)]), 1, "two hours apart, a clock may be set");
    assert_eq!(machines(&[at(1, 0, 0), at(2, 0, 3_000), at(3, 0, 6_000), at(4, 0, 7_000)]), 3);
    assert_eq!(machines(&[at(1, 0, 0), at(1, 0, 9_000)]), 1, "one endpoint");
    // Copies of one certificate, beside a machine with its own.
    assert_eq!(machines(&[at(1, 0, 0), at(2, 0, 3_000), look(3, 0, 1, -800)]), 3);
    // One of the two copies may have made the new certificate: it is not seen again with the old one.
    assert_eq!(machines(&[at(1, 0, 0), at(2, 0, 3_000), at(2, 100, 3_000), look(3, 110, 1, 5)]), 2);
    // Many: by full and half hours.
    let many: Vec<Look> = (0..200).map(|ip| at(ip, 0, i32::from(ip) * 2_001)).collect();
    assert_eq!(machines(&many), 200);
}

#[test]
fn one_machine_at_several_addresses_is_known_where_it_shows() {
    let apart = |looks: &[Look]| tell_apart(&mut looks.to_vec());
    let moving = apart(&[look(1, 0, 0, -900), look(2, 25, 0, -900), look(3, 50, 0, -900)]);
    assert_eq!((moving.machines, moving.same, moving.is_dynamic), (1, 2, true));
    // On the day on which the one vanishes the other appears.
    let relayed = apart(&[look(1, 0, 0, -900), look(2, 23, 0, -900)]);
    assert_eq!((relayed.machines, relayed.same, relayed.is_dynamic), (1, 0, false));
    let at = |ip, skew| with_skew(look(ip, 0, 0, -900), skew);
    let home = apart(&[at(1, 400_000), at(2, 401_000)]);
    assert_eq!((home.machines, home.same, home.is_one_clock), (1, 1, true));
    for skew in [0, 9_000, -9_000, 900_500, -10_800_000] {
        let undecided = apart(&[at(1, skew), at(2, skew)]);
        assert_eq!((undecided.same, undecided.is_one_clock), (0, false), "{skew}");
    }
    assert_eq!(apart(&[at(1, 400_000), look(2, 0, 0, -900)]).same, 0, "a clock is missing");
}

#[test]
fn extreme_times_are_times() {
    let mut looks = [look(1, 0, 0, 0), look(2, 0, 1, 0)];
    looks[0].time = i64::MAX;
    looks[1].time = i64::MIN + 1;
    looks[0].settled = i64::MAX;
    assert_eq!(tell_apart(&mut looks).machines, 1);
}
