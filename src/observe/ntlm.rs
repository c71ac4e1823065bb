//! The facts of an NTLM CHALLENGE.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Anomaly, Hex};
use crate::proto::ntlm::Challenge;

/// The NTLM CHALLENGE (MS-NLMP 2.2.1.2), names as nmap calls them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ntlm {
    /// `TargetName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// `MsvAvNbComputerName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netbios_computer_name: Option<String>,
    /// `MsvAvNbDomainName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netbios_domain_name: Option<String>,
    /// `MsvAvDnsComputerName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_computer_name: Option<String>,
    /// `MsvAvDnsDomainName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_domain_name: Option<String>,
    /// `MsvAvDnsTreeName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_tree_name: Option<String>,
    /// Major, minor and build: `10.0.20348`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_version: Option<String>,
    /// `MsvAvTimestamp`: the host's clock, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_time: Option<Timestamp>,
    /// The host's clock minus the middle of our exchange, in milliseconds; only where the exchange was short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<i64>,
    /// `NegotiateFlags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negotiate_flags: Option<u32>,
    /// The message as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Hex>,
}

/// Seconds from 1601-01-01, where a FILETIME begins, to 1970-01-01.
const FILETIME_TO_UNIX_SECONDS: i64 = 11_644_473_600;

impl Ntlm {
    /// The facts of a CHALLENGE as it came; `anomalies` takes what a calendar cannot hold.
    #[must_use]
    pub fn from_challenge(challenge: Challenge, raw: &[u8], anomalies: &mut Vec<Anomaly>) -> Self {
        let system_time = challenge.timestamp.and_then(|filetime| {
            let time = timestamp_from_filetime(filetime);
            if time.is_none() {
                anomalies.push(Anomaly::NtlmTimeOutOfRange);
            }
            time
        });
        Self {
            target_name: challenge.target_name,
            netbios_computer_name: challenge.netbios_computer_name,
            netbios_domain_name: challenge.netbios_domain_name,
            dns_computer_name: challenge.dns_computer_name,
            dns_domain_name: challenge.dns_domain_name,
            dns_tree_name: challenge.dns_tree_name,
            product_version: challenge.version.map(|version| version.to_string()),
            system_time,
            clock_skew_ms: None,
            negotiate_flags: Some(challenge.flags),
            raw: Some(Hex(raw.to_vec())),
        }
    }
}

/// A FILETIME (100 ns since 1601-01-01 UTC, MS-DTYP 2.3.3) as a time, where the calendar reaches that far.
fn timestamp_from_filetime(filetime: u64) -> Option<Timestamp> {
    const TICKS_PER_SECOND: u64 = 10_000_000;
    let seconds = i64::try_from(filetime / TICKS_PER_SECOND).ok()?.checked_sub(FILETIME_TO_UNIX_SECONDS)?;
    let nanoseconds = i32::try_from(filetime % TICKS_PER_SECOND).ok()? * 100;
    Timestamp::new(seconds, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::timestamp_from_filetime;

    #[test]
    fn filetimes_are_times_as_far_as_the_calendar_goes() {
        let text = |filetime| timestamp_from_filetime(filetime).map(|time| time.to_string());
        assert_eq!(text(0).as_deref(), Some("1601-01-01T00:00:00Z"));
        assert_eq!(text(116_444_736_000_000_000).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(text(134_084_736_001_234_567).as_deref(), Some("2025-11-24T16:00:00.1234567Z"));
        assert_eq!(text(u64::MAX), None);
    }
}
