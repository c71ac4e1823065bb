//! No letter names an address of another customer, not even where a host says one in its own name or certificate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::Customers;
use super::letter::{Told, Values};

static IPV4: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").ok());

impl Told<'_> {
    /// An address that the values of a letter or the observation in a report name and that is another customer's, if there is
    /// one. What stands in a template itself is its author's.
    #[must_use]
    pub fn names_another(&self, customers: &Customers) -> Option<IpAddr> {
        let values = Values::new(self, "en");
        // Values are texts, numbers and words, which always have a JSON form.
        let text = serde_json::to_string(&(&values, self.observation)).unwrap_or_default();
        addresses(&text).into_iter().find(|address| {
            let owner = customers.owner(*address, self.now);
            owner.is_some_and(|owner| owner.customer_id != self.owner.customer_id)
        })
    }
}

/// Everything in a text that reads as an address.
fn addresses(text: &str) -> Vec<IpAddr> {
    let v4 = IPV4.iter().flat_map(|pattern| pattern.find_iter(text));
    let v4 = v4.filter_map(|found| found.as_str().parse::<Ipv4Addr>().ok()).map(IpAddr::V4);
    let words = text.split(|character: char| !character.is_ascii_hexdigit() && !matches!(character, ':' | '.'));
    let v6 = words.filter(|word| word.matches(':').count() > 1).filter_map(|word| {
        let bare = word.trim_end_matches('.');
        // A colon may end a word without being a part of the address.
        bare.parse().ok().or_else(|| bare.trim_end_matches(':').parse().ok())
    });
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let texts = |text: &str| addresses(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            texts("CN=of192.0.2.7, http://192.0.2.8:80/x 10.0.20348 192.0.2.9."),
            ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
        );
        assert_eq!(
            texts("\"[2001:db8::7]:3389\" CN=2001:db8::8. at 2001:db8::9: x"),
            ["2001:db8::7", "2001:db8::8", "2001:db8::9"]
        );
        assert_eq!(texts("09:10:11 2026-11-22T09:10:11Z a714ba0b 1.2.3 999.1.1.1 AwAAEw=="), Vec::<String>::new());
    }
}
