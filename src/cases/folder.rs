//! Names of folders for customers.

use std::fmt::Write as _;

use super::Customers;
use super::letter::sha256;

/// Longer names are cut; file systems take 255 bytes.
const LONGEST: usize = 100;

/// Names that Windows keeps for devices, with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "COM", "LPT"];

/// A name that no customer id can abuse: letters, digits, `_`, `-` and inner dots stay, every other byte is written as `%2F`.
/// No two of these customers share one, not even on file systems that take `A` for `a`; it is no name of a device either.
#[must_use]
pub fn folder_name(customer_id: &str, customers: &Customers) -> String {
    let mut name = String::new();
    let (last, is_device) = (customer_id.len().saturating_sub(1), is_device(customer_id));
    for (position, byte) in customer_id.bytes().enumerate() {
        let is_plain = match byte {
            b'.' => position != 0 && position != last,
            _ => (byte.is_ascii_alphanumeric() && !(is_device && position == 0)) || matches!(byte, b'_' | b'-'),
        };
        if is_plain {
            name.push(byte.into());
        } else {
            // Writing into a String cannot fail.
            let _infallible = write!(name, "%{byte:02X}");
        }
    }
    let is_long = name.len() > LONGEST;
    // Bytes beyond ASCII are written as numbers, so that no other letters can be taken for each other.
    let has_twin = || customers.ids().any(|id| id != customer_id && id.eq_ignore_ascii_case(customer_id));
    if is_long || has_twin() {
        name.truncate(LONGEST);
        name.push('~');
        name.push_str(sha256(customer_id.as_bytes()).get(..16).unwrap_or_default());
    }
    name
}

fn is_device(customer_id: &str) -> bool {
    let stem = customer_id.split('.').next().unwrap_or_default().trim_end();
    let name = stem.trim_end_matches(|last: char| last.is_ascii_digit());
    let is_numbered = matches!(stem.len() - name.len(), 1) && name.len() == 3;
    DEVICES.iter().any(|device| {
        let has_number = matches!(*device, "COM" | "LPT");
        device.eq_ignore_ascii_case(name) && has_number == is_numbered && (is_numbered || name == stem)
    })
}

#[cfg(test)]
mod tests {
    use super::{Customers, folder_name as name_among};

    fn folder_name(customer_id: &str) -> String {
        name_among(customer_id, &Customers::nobody())
    }

    #[test]
    fn no_customer_id_leaves_its_folder() {
        assert_eq!(folder_name("K-1042_a.b"), "K-1042_a.b");
        assert_eq!(folder_name("../../etc"), "%2E.%2F..%2Fetc");
        assert_eq!(folder_name(".."), "%2E%2E");
        assert_eq!(folder_name("Müller & Söhne"), "M%C3%BCller%20%26%20S%C3%B6hne");
        assert_ne!(folder_name("a%2Fb"), folder_name("a/b"));
        let (long, longer) = (folder_name(&"x".repeat(5000)), folder_name(&"x".repeat(5001)));
        assert!(long.len() < 120 && long != longer, "{long}");
    }

    #[test]
    fn what_other_systems_drop_or_keep_for_themselves_is_escaped() {
        for (id, name) in [
            ("A.", "A%2E"),
            ("A ", "A%20"),
            ("CON", "%43ON"),
            ("nul.x", "%6Eul.x"),
            ("AUX .y", "%41UX%20.y"),
            ("Com7", "%43om7"),
            ("LPT1.txt", "%4CPT1.txt"),
            ("CONTOSO", "CONTOSO"),
            ("COM", "COM"),
            ("COM12", "COM12"),
            ("CON1", "CON1"),
            ("NULL", "NULL"),
        ] {
            assert_eq!(folder_name(id), name);
        }
    }

    #[test]
    fn ids_that_differ_in_case_have_folders_that_differ_in_more() {
        let rows =
            "prefix,customer_id,contact,language,notes\n192.0.2.0/28,A,,,\n192.0.2.16/28,a,,,\n192.0.2.32/28,b,,,\n";
        let customers = Customers::read("customers.csv", rows.as_bytes()).unwrap();
        let name = |id: &str| name_among(id, &customers);
        assert!(!name("A").eq_ignore_ascii_case(&name("a")), "{} {}", name("A"), name("a"));
        assert!(name("A").starts_with("A~"));
        assert_eq!(name("b"), "b");
    }
}
