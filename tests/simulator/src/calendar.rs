//! Times as certificates and NTLM write them.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

/// 1601-01-01, where FILETIME begins, to 1970-01-01 in units of 100 nanoseconds.
const FILETIME_OF_1970: i128 = 116_444_736_000_000_000;

static TODAY: LazyLock<i64> = LazyLock::new(|| now() / DAY * DAY);

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// The start of the day on which this process first asked, in seconds since 1970: certificates made by default count from
/// here, so that they do not change at midnight in the middle of a test.
pub(crate) fn today() -> i64 {
    *TODAY
}

/// `UTCTime` (X.690 11.8), `YYMMDDHHMMSSZ`, of seconds since 1970.
pub(crate) fn utc_time(at: i64) -> Vec<u8> {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let second = at.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year.rem_euclid(100)).into_bytes()
}

/// FILETIME (MS-DTYP 2.3.3) of now, moved by some milliseconds.
pub(crate) fn filetime(skew_ms: i64) -> u64 {
    let since_1970 = i128::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap() / 100;
    u64::try_from(since_1970 + FILETIME_OF_1970 + i128::from(skew_ms) * 10_000).unwrap_or(0)
}

/// Year, month and day of a number of days since 1970, counted in years that start in March so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_times() {
        assert_eq!(utc_time(0), b"700101000000Z");
        assert_eq!(utc_time(951_782_399), b"000228235959Z");
        assert_eq!(utc_time(951_782_400), b"000229000000Z");
        assert_eq!(utc_time(1_768_348_799), b"260113235959Z");
    }
}
