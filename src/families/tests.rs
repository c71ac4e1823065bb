use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::*;

const DAY: i64 = 24 * 3600;
/// The day on which these tests begin.
const START: i64 = 1_780_000_000;
pub(super) const NAME: &str = "WIN-7K2QF0B3M1D";
const OTHER: &str = "WIN-3RVK0A7QD1T";

/// A look in days after the start.
#[derive(Clone)]
pub(super) struct At {
    ip: [u8; 4],
    port: u16,
    day: f64,
    name: &'static str,
    certificate: Option<OwnCertificate>,
    skew_ms: Option<i64>,
    version: Option<&'static str>,
    role: Role,
    timed: bool,
}

/// A certificate of its own number, made `day` days after the start.
pub(super) fn certificate(number: u8, day: i64) -> OwnCertificate {
    OwnCertificate {
        sha256: Some([number; 32]),
        key: Some([number; 32]),
        serial: Some([number; 16]),
        not_before: START + (day - 1) * DAY,
    }
}

pub(super) fn at(ip: [u8; 4], day: f64) -> At {
    let version = Some("10.0.20348");
    At { ip, port: 3389, day, name: NAME, certificate: None, skew_ms: None, version, role: Role::Machine, timed: true }
}

impl At {
    pub(super) fn shows(self, certificate: OwnCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(super) fn skewed(self, skew_ms: i64) -> Self {
        Self { skew_ms: Some(skew_ms), ..self }
    }

    fn seen(&self) -> Seen<'_> {
        #[expect(clippy::cast_possible_truncation, reason = "days of a few years")]
        let second = START + (self.day * 86_400.0) as i64;
        Seen {
            ip: Ipv4Addr::from(self.ip).into(),
            port: self.port,
            seen_at: self.timed.then(|| Timestamp::from_second(second).unwrap()),
            name: Some(self.name),
            declared: Declared { dns: true, netbios: true, certificate: true },
            product_version: self.version,
            system_time: None,
            clock_skew_ms: self.skew_ms,
            certificate: self.certificate,
            role: self.role,
            known_as: Vec::new(),
        }
    }
}

fn find_with(looks: &[At], settings: &Settings) -> Vec<Family> {
    let mut population = Population::new();
    for look in looks {
        population.add(&look.seen());
    }
    population.families(settings).families
}

fn find(looks: &[At]) -> Vec<Family> {
    find_with(looks, &Settings::default())
}

pub(super) fn only(looks: &[At]) -> Family {
    let [family] = <[Family; 1]>::try_from(find(looks)).unwrap_or_else(|all| panic!("{all:#?}"));
    family
}

/// A family with nothing significant in it, or none.
fn is_not_significant(looks: &[At]) -> bool {
    find(looks).iter().all(|family| !family.significant && family.verdict != Verdict::Clones)
}

#[test]
fn two_servers_with_one_generated_name_are_clones() {
    let family = only(&[
        at([192, 0, 2, 1], 0.0).shows(certificate(1, -90)),
        at([198, 51, 100, 7], 0.1).shows(certificate(2, -30)),
    ]);
    assert_eq!((family.verdict, family.significant, family.machines_at_least), (Verdict::Clones, true, 2));
    assert_eq!(family.reasons, [Reason::NameBeyondChance, Reason::CertificatesOverlap]);
    assert_eq!((family.id.as_str(), family.addresses, family.networks), ("win-7k2qf0b3m1d", 2, 2));
    let chance = family.links[0].chance.as_ref().unwrap();
    assert_eq!((chance.endpoints, chance.machines, chance.possible_names), (2, 2, 1 << 55));
    assert!((chance.expected * 2_f64.powi(55) - 1.0).abs() < 1e-9, "{chance:?}");
    assert!(family.wording.unwrap().starts_with("2 machines or more seen here appear to be copies"));
    let running: Vec<String> =
        family.members.iter().map(|member| member.running_since_at_least.unwrap().to_string()).collect();
    let made = |day: i64| Timestamp::from_second(START + day * DAY).unwrap().to_string();
    assert_eq!(running, [made(-90), made(-30)]);
}

#[test]
fn a_host_that_renews_its_certificate_once_is_one_machine() {
    let old = certificate(1, -180);
    let new = certificate(2, 3);
    let mut looks: Vec<At> = (0..3).map(|day| at([192, 0, 2, 1], f64::from(day)).shows(old)).collect();
    looks.extend((3..30).map(|day| at([192, 0, 2, 1], f64::from(day)).shows(new)));
    assert_eq!(find(&looks), []);
    // The same on changing addresses.
    for (position, look) in looks.iter_mut().enumerate() {
        look.ip[3] = u8::try_from(position).unwrap();
        look.name = "DESKTOP-7K2QF0B";
    }
    assert!(is_not_significant(&looks), "{:#?}", find(&looks));
}

#[test]
fn fifty_addresses_in_a_year_never_two_in_one_day_are_one_machine() {
    for name in ["DESKTOP-7K2QF0B", NAME] {
        let look = |number: u8| {
            let certificate = if number < 25 { certificate(1, -10) } else { certificate(2, 173) };
            at([10, number, 7, number], f64::from(number) * 7.3).named(name).shows(certificate)
        };
        let looks: Vec<At> = (0..50).map(look).collect();
        let families = find(&looks);
        assert!(is_not_significant(&looks), "{families:#?}");
        assert!(families.iter().all(|family| family.verdict == Verdict::SameMachine), "{families:#?}");
        assert!(families.iter().all(|family| family.reasons == [Reason::AddressesInTurn]), "{families:#?}");
        // Every other day: several addresses in one window.
        let looks: Vec<At> = (0..50).map(|number| At { day: f64::from(number) * 2.0, ..look(number) }).collect();
        assert!(is_not_significant(&looks), "{:#?}", find(&looks));
    }
}

#[test]
fn a_snapshot_rolled_back_is_one_machine() {
    let (old, new) = (certificate(1, -180), certificate(2, 3));
    let sequence = [(0.0, old), (2.0, old), (7.0, new), (8.0, new), (9.0, old), (20.0, old), (40.0, old)];
    let looks: Vec<At> = sequence.iter().map(|(day, own)| at([192, 0, 2, 1], *day).shows(*own)).collect();
    assert_eq!(find(&looks), []);
    // Rolled back, and months later found at another address.
    let moved = sequence.iter().map(|(day, own)| {
        let day = if *day > 8.5 { *day + 60.0 } else { *day };
        at([192, 0, 2, if day > 8.5 { 9 } else { 1 }], day).shows(*own)
    });
    assert!(is_not_significant(&moved.collect::<Vec<_>>()));
}

#[test]
fn a_multi_homed_machine_is_one_machine_or_undecided() {
    let own = certificate(1, -30);
    let home = |ip: u8, skew: i64| at([192, 0, 2, ip], 0.01 * f64::from(ip) / 24.0).shows(own).skewed(skew);
    let told = only(&[home(1, 400_000), home(2, 400_300), home(3, 401_000)]);
    assert_eq!((told.verdict, told.significant), (Verdict::SameMachine, false));
    assert_eq!(told.reasons, [Reason::OneClock]);
    let synchronised = only(&[home(1, 10), home(2, -300), home(3, 500)]);
    assert_eq!((synchronised.verdict, synchronised.significant), (Verdict::Undecided, false));
    assert_eq!(synchronised.machines_at_least, 1);
    assert_eq!(synchronised.wording, None);
    // Two ports of one address.
    let forwarded = only(&[home(1, 10), At { port: 3390, ..home(1, 20) }]);
    assert_eq!((forwarded.verdict, forwarded.reasons), (Verdict::RelayOrNat, vec![Reason::OneAddress]));
}

#[test]
fn a_clone_that_appears_as_another_vanishes_is_not_taken_for_it() {
    let image = certificate(1, -30);
    let vanishes = at([198, 51, 100, 1], 0.1).shows(image).skewed(60_000);
    let appears = at([203, 0, 113, 1], 0.9).shows(image).skewed(90_000);
    // The two alone say nothing: one machine could have moved.
    let pair = only(&[vanishes.clone(), appears.clone()]);
    assert_eq!((pair.verdict, pair.significant), (Verdict::Undecided, false));
    // Beside a third, seen with one of them within the hour, there are copies.
    let steady = at([192, 0, 2, 1], 0.88).shows(image).skewed(5_000);
    let family = only(&[steady, vanishes, appears]);
    assert_eq!((family.verdict, family.significant, family.machines_at_least), (Verdict::Clones, true, 2));
    assert_eq!(family.reasons, [Reason::NameBeyondChance, Reason::ClocksDiffer]);
}

#[test]
fn one_certificate_in_three_networks_within_a_day_is_copied_unless_relayed() {
    let image = certificate(1, -30);
    let look = |network: u8, hour: f64| at([192, 0, network, 1], hour / 24.0).named("SERVER").shows(image);
    let looks = [look(1, 0.0), look(2, 10.0), look(3, 23.9)];
    let family = only(&looks);
    assert_eq!((family.verdict, family.significant, family.machines_at_least), (Verdict::Clones, true, 2));
    assert_eq!(
        (family.reasons.as_slice(), family.id.as_str()),
        (&[Reason::SeveralNetworks][..], "certificate-0101010101010101")
    );
    assert_eq!(family.links[0].shares, [Share::Der, Share::Key, Share::Serial]);
    let two = only(&[look(1, 0.0), look(2, 10.0), look(2, 23.0)]);
    assert_eq!((two.verdict, two.significant), (Verdict::Undecided, false));
    let slow = only(&[look(1, 0.0), look(2, 10.0), look(3, 24.1)]);
    assert!(!slow.significant);
    let relay = At { role: Role::Relay, ..look(4, 1.0) };
    let relayed = only(&[looks[0].clone(), looks[1].clone(), looks[2].clone(), relay]);
    assert_eq!((relayed.verdict, relayed.significant), (Verdict::RelayOrNat, false));
    assert_eq!((relayed.reasons.as_slice(), relayed.endpoints), (&[Reason::RelaySeen][..], 3));
}

#[test]
fn families_are_joined_by_what_they_share_and_each_link_is_named() {
    // One name, linked by a key to another name: an image that was renamed with its key kept.
    let image = certificate(1, -30);
    let renewed = OwnCertificate { key: image.key, ..certificate(2, -20) };
    let looks = [
        at([192, 0, 2, 1], 0.0).shows(image),
        at([192, 0, 3, 1], 0.0).shows(certificate(3, -50)),
        at([192, 0, 4, 1], 0.0).named(OTHER).shows(renewed),
        at([192, 0, 5, 1], 0.0).named(OTHER).shows(certificate(4, -50)),
    ];
    let family = only(&looks);
    let links: Vec<(LinkKind, &str, &[Share], u64)> = family
        .links
        .iter()
        .map(|link| (link.kind, link.value.as_str(), link.shares.as_slice(), link.endpoints))
        .collect();
    let hash = "01".repeat(32);
    let wanted: [(LinkKind, &str, &[Share], u64); 3] = [
        (LinkKind::Name, OTHER, &[], 2),
        (LinkKind::Name, NAME, &[], 2),
        (LinkKind::Certificate, &hash, &[Share::Key], 2),
    ];
    assert_eq!(links, wanted);
    // Two certificates with one key count once.
    assert_eq!((family.machines_at_least, family.names.len()), (3, 2));
    // Without what they share they stay two.
    let mut apart = looks;
    apart[2].certificate = Some(certificate(9, -20));
    assert_eq!(find(&apart).len(), 2);
}

#[test]
fn people_s_names_and_a_faulty_generator_s_link_nobody() {
    for name in ["DC01", "WIN-SQLSERVER01", "WIN-EASY", "WIN-7K2QF0B3M1W", "WIN-7K2QF0B3M1\u{412}"] {
        let looks: Vec<At> =
            (1..9).map(|one| at([192, 0, one, 1], 0.0).named(name).shows(certificate(one, -30))).collect();
        assert_eq!(find(&looks), [], "{name}");
    }
    for version in ["6.0.6000", "6.0.6001", "6.0.6002", "6.0.6003"] {
        let look = |one: u8| At { version: Some(version), ..at([192, 0, one, 1], 0.0).shows(certificate(one, -30)) };
        let mut looks: Vec<At> = (1..9).map(look).collect();
        assert_eq!(find(&looks), [], "{version}");
        // Of those whose build is unknown nobody knows better.
        looks[0].version = None;
        looks[1].version = None;
        assert_eq!(find(&looks), [], "{version}");
    }
}

#[test]
fn names_alone_are_undecided_however_many_there_are() {
    let looks: Vec<At> = (1..200).map(|one| at([192, 0, one, 1], 0.0)).collect();
    let family = only(&looks);
    assert_eq!((family.verdict, family.significant, family.endpoints), (Verdict::Undecided, false, 199));
    assert_eq!(family.reasons, [Reason::TooFewToldApart]);
    assert!(family.why.contains("1 are shown to be different machines"), "{}", family.why);
}

#[test]
fn looks_without_times_are_linked_and_count_for_nothing() {
    let image = certificate(1, -30);
    let looks = [1, 2, 3].map(|one| At { timed: false, ..at([192, 0, one, 1], 0.0).shows(image) });
    let family = only(&looks);
    assert_eq!((family.verdict, family.significant, family.growth.len()), (Verdict::Undecided, false, 0));
    assert_eq!((family.first_seen, family.last_seen), (None, None));
    let own = [1, 2, 3].map(|one| At { timed: false, ..at([192, 0, one, 1], 0.0).shows(certificate(one, -30)) });
    assert_eq!(find(&own), []);
}

#[test]
fn the_story_of_an_image_is_told() {
    // Made 200 days ago, so that it ended 18 days ago; three clones made their own on that day, one a week ago.
    let image = certificate(1, -200);
    let mut looks: Vec<At> =
        (1..=4).map(|one| at([192, 0, one, 1], -30.0 - f64::from(one) / 24.0).shows(image)).collect();
    looks.extend(
        (1..=4).map(|one| at([192, 0, one, 1], 0.0).shows(certificate(10 + one, if one == 4 { -7 } else { -18 }))),
    );
    let family = only(&looks);
    let story = &family.certificates;
    assert_eq!((story.shared.len(), story.own, story.own_made_at_shared_end), (1, 4, 3));
    assert_eq!(story.shared[0].endpoints, 4);
    let day = |time: Option<Timestamp>| (time.unwrap().as_second() - START) / DAY;
    assert_eq!((day(story.shared[0].made), day(story.shared[0].ends)), (-200, -18));
    assert_eq!((day(story.own_made_first), day(story.own_made_last)), (-18, -7));
    assert_eq!((family.growth.len(), family.growth[0].new_endpoints, family.growth[1].new_endpoints), (2, 4, 0));
    assert_eq!(family.machines_at_least, 4);
}

#[test]
fn own_images_are_told_apart_from_others() {
    let looks = [1, 2].map(|one| at([192, 0, one, 1], 0.0).shows(certificate(one, -30)));
    for text in [NAME.to_owned(), format!("sha256:{}", "01".repeat(32)), format!("serial:{}", "02".repeat(16))] {
        let settings = Settings { own_images: OwnImages::parse(&text).unwrap(), ..Settings::default() };
        let families = find_with(&looks, &settings);
        assert!(families[0].own_image && families[0].significant && families[0].wording.is_none(), "{text}");
    }
    let settings = Settings { own_images: OwnImages::parse(OTHER).unwrap(), ..Settings::default() };
    assert!(!find_with(&looks, &settings)[0].own_image);
}

#[test]
fn the_wrong_time_zone_of_an_image_is_its_trait() {
    let looks = [1, 2, 3]
        .map(|one| at([192, 0, one, 1], 0.0).shows(certificate(one, -30)).skewed(-10_800_000 + i64::from(one) * 500));
    assert_eq!(only(&looks).rtc_offset.as_deref(), Some("-03:00"));
    let looks =
        [1, 2].map(|one| at([192, 0, one, 1], 0.0).shows(certificate(one, -30)).skewed(i64::from(one) * 900_000));
    assert_eq!(only(&looks).rtc_offset, None);
}

#[test]
fn a_stuck_clock_dates_a_certificate_too_early() {
    // One machine renews at day 1, but its clock is 100 days behind, so the new certificate seems to be from day -99.
    let old = at([192, 0, 2, 1], 0.0).named("DESKTOP-7K2QF0B").shows(certificate(1, -282));
    let new = at([192, 0, 3, 1], 2.0).named("DESKTOP-7K2QF0B").shows(certificate(2, -99));
    assert_eq!(find(&[old.clone(), new.clone()]).first().map(|family| family.significant), Some(true), "as it seems");
    let behind = new.skewed(-100 * DAY * 1000);
    assert_eq!(find(&[old, behind]).iter().filter(|family| family.significant).count(), 0);
}

#[test]
fn chance_pairs_are_not_families() {
    // With 200,000 DESKTOP names E(2) is 0.58, so that a pair means nothing, and three mean something.
    let mut population = Population::new();
    let mut state = 1_u64;
    for number in 0..200_000_u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [_, b, c, d] = number.to_be_bytes();
        let name = if number < 2 { "DESKTOP-7K2QF0B".to_owned() } else { drawn("DESKTOP", 7, state >> 29) };
        let look = at([10, b, c, d], 0.0);
        population.add(&Seen { name: Some(&name), ..look.seen() });
    }
    for one in 0..2_u8 {
        let look = at([10, 0, 0, one], 0.01).named("DESKTOP-7K2QF0B").shows(certificate(one + 1, -30));
        population.add(&look.seen());
    }
    let findings = population.families(&Settings::default());
    assert_eq!(findings.families, []);
    let desktop = &findings.windows[0].generators[0];
    assert_eq!((desktop.generator.as_str(), desktop.significant_size), ("DESKTOP", 3));
    assert!(desktop.endpoints > 198_000 && desktop.endpoints <= 200_000, "{desktop:?}");
}

/// The name of a generator that a number stands for.
fn drawn(generator: &str, length: u32, number: u64) -> String {
    let symbols: Vec<char> = ('0'..='9').chain('A'..='V').collect();
    let suffix = (0..length).map(|place| symbols[usize::try_from(number >> (5 * place) & 31).unwrap()]);
    format!("{generator}-{}", suffix.collect::<String>())
}

#[test]
fn the_order_of_input_leaves_no_trace() {
    let mut state = 3_u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let byte = |number: u64| u8::try_from(number).unwrap();
    for _ in 0..40 {
        let mut looks: Vec<At> = Vec::new();
        for _ in 0..60 {
            let name = ["SERVER", NAME, OTHER, "DESKTOP-7K2QF0B", "\u{202e}X", ""][usize::try_from(below(6)).unwrap()];
            let mut look = at([10, 0, byte(below(5)), byte(below(6))], f64::from(byte(below(200))) / 4.0).named(name);
            if below(4) > 0 {
                let number = byte(below(9)) + 1;
                let mut own = certificate(number, -i64::from(number) * 11);
                own.serial = [None, own.serial, Some([1; 16])][usize::try_from(below(3)).unwrap()];
                own.sha256 = own.sha256.filter(|_| below(5) > 0);
                look.certificate = Some(own);
            }
            look.skew_ms = (below(2) > 0).then(|| i64::from(byte(below(200))) * 600 - 60_000);
            look.role = [Role::Machine, Role::Machine, Role::Machine, Role::Relay, Role::NotWindows]
                [usize::try_from(below(5)).unwrap()];
            look.timed = below(9) > 0;
            look.port = [3389, 3390][usize::try_from(below(2)).unwrap()];
            look.version =
                [None, Some("10.0.17763"), Some("10.0.20348"), Some("6.0.6002")][usize::try_from(below(4)).unwrap()];
            looks.push(look);
        }
        let families = find(&looks);
        assert!(!families.is_empty());
        for _ in 0..5 {
            for position in (1..looks.len()).rev() {
                looks.swap(position, usize::try_from(below(u64::try_from(position).unwrap() + 1)).unwrap());
            }
            assert_eq!(find(&looks), families);
        }
        // What is read twice counts once.
        assert_eq!(find(&[looks.clone(), looks].concat()), families);
    }
}

#[test]
fn one_name_on_very_many_hosts_is_one_family() {
    let mut population = Population::new();
    let image = certificate(1, -30);
    for number in 0..50_000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let mut look = at([10 + b, c, d, 1], f64::from(number) / 1e5);
        look.certificate = Some(image);
        population.add(&look.seen());
    }
    let families = population.families(&Settings::default()).families;
    assert_eq!((families.len(), families[0].endpoints, families[0].significant), (1, 50_000, true));
    assert_eq!((families[0].members.len(), families[0].members_omitted), (1_000, 49_000));
}
