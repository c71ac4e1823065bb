use super::*;

fn expected(machines: u64, size: u64, names: u64) -> f64 {
    ln_expected_sets(machines, size, names).exp()
}

fn is_close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= 1e-9 * wanted.abs()
}

/// In whole numbers, where they fit: C(n, k) / K^(k−1).
fn exactly(machines: u128, size: u128, names: u128) -> f64 {
    let combinations = (0..size).fold(1, |product, i| product * (machines - i) / (i + 1));
    #[expect(clippy::cast_precision_loss, reason = "the quotient is compared to nine digits")]
    let quotient = combinations as f64 / names.pow(u32::try_from(size - 1).unwrap()) as f64;
    quotient
}

#[test]
fn small_cases_are_exact() {
    for machines in 1..=60_u64 {
        for size in 1..=machines.min(12) {
            for names in [1_u64, 2, 7, 32, 1000] {
                let (found, wanted) =
                    (expected(machines, size, names), exactly(machines.into(), size.into(), names.into()));
                assert!(is_close(found, wanted), "n {machines}, k {size}, K {names}: {found} is not {wanted}");
            }
        }
    }
    assert!(expected(3, 4, 10) == 0.0 && expected(3, 0, 10) == 0.0 && expected(0, 1, 10) == 0.0);
}

/// Every population of four machines and five names, counted one by one.
#[test]
fn the_expectation_is_what_enumeration_finds() {
    let (mut pairs, mut any) = (0.0, 0.0);
    for population in 0..625_u32 {
        let names: Vec<u32> = (0..4).map(|place| population / 5_u32.pow(place) % 5).collect();
        let equal = (0..4).flat_map(|i| (0..i).map(move |j| (i, j))).filter(|(i, j)| names[*i] == names[*j]).count();
        pairs += f64::from(u32::try_from(equal).unwrap());
        any += f64::from(equal > 0);
    }
    assert!(is_close(expected(4, 2, 5), pairs / 625.0));
    assert!(any / 625.0 <= expected(4, 2, 5));
}

#[test]
fn the_field_s_own_figures_come_out() {
    const WIN: u64 = 1 << 55;
    const DESKTOP: u64 = 1 << 35;
    assert!((expected(5_000_000, 2, WIN) - 0.000_35).abs() < 0.000_01);
    assert!((expected(1_000_000, 2, DESKTOP) - 14.55).abs() < 0.01);
    assert!((expected(10_000_000, 2, DESKTOP) - 1455.19).abs() < 0.01);
    assert!((expected(144, 2, 1 << 20) - 0.009_82).abs() < 0.000_01);
    assert!((expected(4040, 3, 1 << 20) - 0.009_99).abs() < 0.000_01);
}

#[test]
fn the_significant_size_is_the_smallest() {
    let size = |machines, names| significant_size(machines, names, FALSE_FAMILIES / 5.0);
    assert_eq!((size(2, 1 << 55), size(5_000_000, 1 << 55), size(1_000_000, 1 << 35)), (Some(2), Some(2), Some(3)));
    assert_eq!(size(10_000_000, 1 << 35), Some(4));
    assert_eq!((size(0, 1 << 35), size(1, 1 << 35), size(50, 1)), (None, None, None));
    let calibrated = |machines| significant_size(machines, 1 << 20, FALSE_FAMILIES);
    assert_eq!([144, 145, 146, 4040, 4050].map(calibrated), [2, 2, 3, 3, 4].map(Some));
    for machines in [2, 100, 5000, 1_000_000] {
        for names in [10_u64, 1 << 20, 1 << 35] {
            let Some(size) = size(machines, names) else { continue };
            let level = (FALSE_FAMILIES / 5.0).ln();
            assert!(ln_expected_sets(machines, size, names) <= level);
            assert!(size == 2 || ln_expected_sets(machines, size - 1, names) > level);
        }
    }
}

#[test]
fn huge_numbers_stay_numbers() {
    assert!(ln_expected_sets(1_000_000, 1_000_000, 1 << 55).is_finite());
    assert!(ln_expected_sets(u64::MAX, 2, 1).is_finite());
    assert!(ln_expected_sets(1_000_000, 500, 0).is_finite());
}
