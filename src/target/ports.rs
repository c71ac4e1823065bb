//! How a list of ports is written.

use std::collections::BTreeSet;

use thiserror::Error;

/// Why a port list was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a port or a rising range of ports; write numbers from 1 to 65535, like 3389,3390,13380-13400")]
pub struct PortError(String);

/// Reads `3389,3390,13380-13400`: each port once, ascending, at least one.
pub fn parse_ports(text: &str) -> Result<Vec<u16>, PortError> {
    let mut ports = BTreeSet::new();
    for item in text.split(',').map(str::trim) {
        let error = || PortError(item.to_owned());
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(error);
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(error());
        }
        ports.extend(first..=last);
    }
    Ok(ports.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_and_ranges_once_each() {
        assert_eq!(parse_ports("3390, 3389,3389-3391"), Ok(vec![3389, 3390, 3391]));
        assert_eq!(parse_ports("1-65535").map(|ports| ports.len()), Ok(65_535));
    }

    #[test]
    fn names_the_item_that_is_wrong() {
        for (text, item) in
            [("3389,0", "0"), ("65536", "65536"), ("5-3", "5-3"), ("", ""), ("3389,,1", ""), ("rdp", "rdp")]
        {
            assert_eq!(parse_ports(text), Err(PortError(item.to_owned())));
        }
    }
}
