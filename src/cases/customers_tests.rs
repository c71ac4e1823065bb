use super::*;

const HEADER: &str = "prefix,customer_id,contact,language,notes,valid_from,valid_to\n";

fn read(text: impl AsRef<[u8]>) -> Result<Customers, String> {
    Customers::read("customers.csv", text.as_ref()).map_err(|error| error.to_string())
}

fn rows(rows: &str) -> Result<Customers, String> {
    read(format!("{HEADER}{rows}"))
}

/// What stands on the first line of the complaint.
#[track_caller]
fn refused(text: impl AsRef<[u8]>, complaint: &str) {
    let error = read(text.as_ref()).unwrap_err();
    assert!(error.lines().next().unwrap().contains(complaint), "{error}");
    assert!(error.ends_with("`customers.csv` is not used: without such a row its addresses would count as those of a wider prefix, and a letter could reach the wrong customer; mend it and try again"), "{error}");
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

#[track_caller]
fn owner(customers: &Customers, address: &str, time: &str) -> Option<String> {
    let owner = customers.owner(address.parse().unwrap(), at(time));
    owner.map(|owner| format!("{} {} {}", owner.customer_id, owner.prefix(), owner.line))
}

const NOW: &str = "2026-11-22T12:00:00Z";

#[test]
fn the_longest_prefix_that_was_valid_then_wins() {
    let customers = rows(
        "192.0.2.0/24,whole,,,,,\n192.0.2.64/26,quarter,,,,2026-01-01,2026-06-30\n192.0.2.64/26,heir,,,,2026-07-01,\n\
         192.0.2.70,single,,,,,2026-03-01T12:00:00Z\n0.0.0.0/0,world,,,,,\n2001:db8::/32,six,,,,,\n2001:db8:1::/48,deeper,,,,,\n",
    )
    .unwrap();
    assert_eq!(customers.len(), 7);
    let find = |address: &str, time: &str| owner(&customers, address, time).unwrap();
    assert_eq!(find("192.0.2.1", NOW), "whole 192.0.2.0/24 2");
    assert_eq!(find("192.0.2.127", NOW), "heir 192.0.2.64/26 4");
    assert_eq!(find("192.0.2.127", "2026-06-30T23:59:59.999Z"), "quarter 192.0.2.64/26 3");
    assert_eq!(find("192.0.2.127", "2026-07-01T00:00:00Z"), "heir 192.0.2.64/26 4");
    assert_eq!(find("192.0.2.127", "2025-12-31T23:59:59Z"), "whole 192.0.2.0/24 2");
    assert_eq!(find("192.0.2.70", "2026-03-01T11:59:59Z"), "single 192.0.2.70/32 5");
    assert_eq!(find("192.0.2.70", "2026-03-01T12:00:00Z"), "quarter 192.0.2.64/26 3");
    assert_eq!(find("198.51.100.1", NOW), "world 0.0.0.0/0 6");
    assert_eq!(find("::ffff:192.0.2.1", NOW), "whole 192.0.2.0/24 2");
    assert_eq!(find("2001:db8:1::9", NOW), "deeper 2001:db8:1::/48 8");
    assert_eq!(find("2001:db8:2::9", NOW), "six 2001:db8::/32 7");
    assert_eq!(owner(&customers, "2001:db9::1", NOW), None);
}

#[test]
fn the_last_days_of_the_calendar_are_no_end() {
    for end in ["9999-12-31", "9999-12-30", "9999-12-31T23:59:59Z", "9999-12-31T00:00:00Z", "9999-12-31 23:59:59.999Z"]
    {
        let customers = rows(&format!("192.0.2.0/24,a,,,,2026-01-01,{end}\n")).unwrap();
        assert_eq!(owner(&customers, "192.0.2.1", NOW).as_deref(), Some("a 192.0.2.0/24 2"), "{end}");
        let last = customers.owner("192.0.2.1".parse().unwrap(), Timestamp::MAX);
        assert!(last.is_some(), "{end}");
        assert_eq!(owner(&customers, "192.0.2.1", "2025-12-31T23:59:59Z"), None);
    }
    // One that begins when time ends is no mistake in the others.
    assert!(rows("192.0.2.0/24,a,,,,9999-12-31,\n").is_ok());
    for wrong in ["9999-12-32", "10000-01-01", "9999-12-31T24:00:01Z", "9999-12-31T23:59:59"] {
        refused(format!("{HEADER}192.0.2.0/24,a,,,,,{wrong}\n"), "is no day and no time");
    }
    refused(format!("{HEADER}192.0.2.0/24,a,,,,9999-12-31,9999-12-30\n"), "is valid at no time");
}

/// Against the plainest model: every row asked in turn.
#[test]
fn the_table_agrees_with_asking_every_row() {
    let mut state = 7_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    for _ in 0..200 {
        let mut model = Vec::new();
        let mut table = super::super::prefix::Table::new();
        for line in 0..next(30) {
            let length = u8::try_from(26 + next(7)).unwrap();
            let network = super::super::prefix::Bits::network(next(64), length);
            let from = i64::from(next(4)) * 10;
            let validity = Validity { from, until: from + 10 };
            if model.iter().any(|(l, n, v, _)| (*l, *n, *v) == (length, network, validity)) {
                continue;
            }
            model.push((length, network, validity, line));
            table.push(network, length, validity, line, 0);
        }
        assert_eq!(table.sort(), []);
        for address in 0..64_u32 {
            for second in [0, 5, 10, 25, 39, 40] {
                let holds = |(length, network, validity, _): &&(u8, u32, Validity, u32)| {
                    super::super::prefix::Bits::network(address, *length) == *network
                        && validity.from <= second
                        && second < validity.until
                };
                let expected = model.iter().filter(holds).max_by_key(|row| row.0).map(|row| row.3);
                let found = table.find(address, Timestamp::from_second(second).unwrap()).map(|row| row.line);
                assert_eq!(found, expected);
            }
        }
    }
}

#[test]
fn only_identical_prefixes_at_one_time_contradict_each_other() {
    assert!(rows("192.0.2.0/24,a,,,,,\n192.0.2.0/25,b,,,,,\n").is_ok());
    assert!(rows("192.0.2.0/24,a,,,,,2026-01-31\n192.0.2.0/24,b,,,,2026-02-01,\n").is_ok());
    let overlap = "customers.csv:3: the same prefix stands on line 2 for a time that overlaps";
    refused(format!("{HEADER}192.0.2.0/24,a,,,,,\n192.0.2.0/24,a,,,,,\n"), overlap);
    refused(format!("{HEADER}192.0.2.0/24,a,,,,,2026-02-01\n192.0.2.0/24,b,,,,2026-02-01,\n"), overlap);
    refused(format!("{HEADER}192.0.2.0/24,a,,,,,\n::ffff:192.0.2.0/120,b,,,,,\n"), overlap);
    // A short row in between does not hide the long one.
    let long = "192.0.2.0/24,a,,,,2026-01-01,2026-12-31\n192.0.2.0/24,b,,,,2027-01-01,2027-01-31\n";
    let hidden = "192.0.2.0/24,c,,,,2026-03-01,2026-04-01\n192.0.2.0/24,d,,,,2026-06-01,2026-07-01\n";
    let error = rows(&format!("{long}{hidden}")).unwrap_err();
    assert!(
        error.contains("customers.csv:4: ") && error.contains("customers.csv:5: the same prefix stands on line 2"),
        "{error}"
    );
}

#[test]
fn files_come_as_spreadsheets_write_them() {
    let bom = format!(
        "\u{feff}{}\"192.0.2.0/24\";\"Müller; Söhne\";a@example.net;DE;;;\r\n",
        HEADER.replace(',', ";").replace('\n', "\r\n")
    );
    let customers = read(bom).unwrap();
    let owner = customers.owner("192.0.2.9".parse().unwrap(), at(NOW)).unwrap();
    assert_eq!((owner.customer_id, owner.contact, owner.language), ("Müller; Söhne", "a@example.net", "de"));
    // Any order of columns; the last two may be absent.
    let customers = read("notes,language,contact,customer_id,prefix\nn,fr,c, x ,192.0.2.7\n").unwrap();
    let owner = customers.owner("192.0.2.7".parse().unwrap(), at(NOW)).unwrap();
    assert_eq!((owner.customer_id, owner.notes), ("x", "n"));
}

#[test]
fn a_bad_row_is_named_and_nothing_of_the_file_is_used() {
    refused("", "customers.csv:1: there is no header");
    refused("prefix,customer_id,contact,language\n", "customers.csv:1: the column `notes` is missing");
    refused("prefix,prefix,customer_id,contact,language,notes\n", "the column `prefix` stands there twice");
    refused(
        HEADER.replace("valid_from", "valid_form"),
        "`valid_form` is no column of this file; did you mean `valid_from`?",
    );
    refused(format!("{HEADER}192.0.2.0/24,a,,,,\n"), "customers.csv:2: 6 cells under a header of 7");
    for (row, complaint) in [
        ("192.0.2.0/33,a,,,,,", "`192.0.2.0/33` has an impossible length"),
        ("192.0.2.0/+8,a,,,,,", "is no prefix"),
        ("192.0.2.0-192.0.2.9,a,,,,,", "`192.0.2.0-192.0.2.9` is no prefix; write it like"),
        ("example.net,a,,,,,", "is no prefix"),
        (",a,,,,,", "`` is no prefix"),
        ("192.0.2.7/24,a,,,,,", "write 192.0.2.0/24 for the network, or 192.0.2.7 for the one address"),
        ("::ffff:192.0.2.7/120,a,,,,,", "write 192.0.2.0/24 for the network, or 192.0.2.7 for the one address"),
        ("192.0.2.0/24,,,,,,", "192.0.2.0/24 belongs to nobody"),
        ("192.0.2.0/24,a,,<b>,,,", "`<b>` is no language"),
        ("192.0.2.0/24,a,,,,soon,", "`soon` is no day and no time"),
        ("192.0.2.0/24,a,,,,2026-13-01,", "is no day and no time"),
        ("192.0.2.0/24,a,,,,2026-02-02,2026-02-01", "is valid at no time"),
        ("192.0.2.0/24,a\u{1b}[2J,,,,,", "characters that nobody can see: `a\\u{1b}[2J`"),
        ("192.0.2.0/24,a,b\u{202e}c,,,,", "characters that nobody can see: `b\\u{202e}c`"),
        ("192.0.2.0/24,\"a\nb\",,,,,", "the cell `customer_id` runs over several lines"),
        ("192.0.2.0/24,a,,,\"never closed,,\n192.0.2.0/25,b,,,,,", "is a quotation mark not closed?"),
    ] {
        let text = format!("{HEADER}192.0.2.128/25,fine,,,,,\n{row}\n");
        let error = read(&text).unwrap_err();
        assert!(
            error.starts_with("customers.csv:3: ") && error.contains(complaint)
                || row.contains("never") && error.starts_with("customers.csv:3: "),
            "{row}: {error}"
        );
    }
    refused(
        [HEADER.as_bytes(), b"192.0.2.0/24,M\xfcller,,,,,\n"].concat(),
        "customers.csv:2: the cell `customer_id` is not UTF-8",
    );
    let many = "x,a,,,,,\n".repeat(50);
    let error = rows(&many).unwrap_err();
    assert_eq!(error.lines().count(), 22, "{error}");
    assert!(error.contains("… and 30 more of this kind"), "{error}");
}

#[test]
fn no_row_vanishes_behind_a_carriage_return() {
    let stray = "a carriage return stands here that ends no line; save the file with the line ends of Unix or Windows";
    let small = "127.9.0.1,SMALL,,en,,,\r";
    let hidden = format!("127.0.0.0/8,BIG,,en,,,\r10.0.0.0/8,X,,en,\"oops\r{small}");
    refused(format!("{HEADER}{hidden}"), &format!("customers.csv:2: {stray}"));
    refused(format!("{HEADER}{hidden}").replace('\n', "\r"), &format!("customers.csv:1: {stray}"));
    refused(format!("{HEADER}{small}"), &format!("customers.csv:2: {stray}"));
    // In a cell that means nothing, in one that nobody reads on purpose, at the edge of a buffer, at the end.
    refused(format!("{HEADER}192.0.2.0/24,a,,,\"b\rc\",,\n"), &format!("customers.csv:2: {stray}"));
    refused(format!("{HEADER}192.0.2.0/24,a,,,b\rc,,\n"), &format!("customers.csv:2: {stray}"));
    let row = |number: u32| format!("192.0.{}.{},a,,,,,\n", number / 256, number % 256);
    let many: String = (0..20_000).map(row).collect();
    assert_eq!(rows(&many).unwrap().len(), 20_000);
    for at in [65_535, 65_536, 65_537] {
        let mut text = format!("{HEADER}{many}").into_bytes();
        text.insert(at, b'\r');
        let line = memchr::memchr_iter(b'\n', &text[..at]).count() + 1;
        let is_right = text[at + 1] == b'\n';
        assert!(is_right == read(&text).is_ok(), "{at}");
        if !is_right {
            refused(&text, &format!("customers.csv:{line}: {stray}"));
        }
    }
    // A quotation mark that is never closed on the last line swallows its end.
    refused(format!("{HEADER}192.0.2.0/24,a,,,,,\"\n"), "the cell `valid_to` runs over several lines");
}

#[test]
fn a_last_line_that_may_have_been_cut_off_is_refused_where_that_matters() {
    let cut = "the last line has no line end, so its cell";
    refused(format!("{HEADER}192.0.2.0/24,a,,,,2026-01-01,"), &format!("customers.csv:2: {cut} `valid_to` may"));
    refused("customer_id,contact,language,notes,prefix\na,,,,192.0.2.1", &format!("{cut} `prefix` may"));
    assert!(read("customer_id,contact,language,notes,prefix\na,,,,192.0.2.1\r\n").is_ok());
    // What was lost of a note moves no address.
    assert!(read("prefix,customer_id,contact,language,notes\n192.0.2.1,a,,,of long standi").is_ok());
    refused("prefix,customer_id,contact,language,notes\n192.0.2.1,a,,", "4 cells under a header of 5");
}
