//! Names of folders for customers.

use std::fmt::Write as _;

use super::letter::sha256;

/// Longer names are cut; file systems take 255 bytes.
const LONGEST: usize = 100;

/// A name that no customer id can abuse: letters, digits, `_`, `-` and inner dots stay, every other byte is written as `%2F`.
/// Two ids never share one.
#[must_use]
pub fn folder_name(customer_id: &str) -> String {
    let mut name = String::new();
    for byte in customer_id.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte == b'.' && !name.is_empty();
        if is_plain {
            name.push(byte.into());
        } else {
            // Writing into a String cannot fail.
            let _infallible = write!(name, "%{byte:02X}");
        }
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name.push('~');
        name.push_str(sha256(customer_id.as_bytes()).get(..16).unwrap_or_default());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn no_customer_id_leaves_its_folder() {
        assert_eq!(folder_name("K-1042_a.b"), "K-1042_a.b");
        assert_eq!(folder_name("../../etc"), "%2E.%2F..%2Fetc");
        assert_eq!(folder_name(".."), "%2E.");
        assert_eq!(folder_name("Müller & Söhne"), "M%C3%BCller%20%26%20S%C3%B6hne");
        assert_ne!(folder_name("a%2Fb"), folder_name("a/b"));
        let (long, longer) = (folder_name(&"x".repeat(5000)), folder_name(&"x".repeat(5001)));
        assert!(long.len() < 120 && long != longer, "{long}");
    }
}
