//! The hours in which hosts may be probed.

use std::time::Duration;

use jiff::civil::Time;
use jiff::{Span, Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// From a time of day to another, on the next day if that is not later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// `22:00-06:00`.
    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let time = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        let (from, to) = (time(from)?, time(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// How long it is still open at this moment, if it is open.
    fn rest(self, now: &Zoned) -> Option<Duration> {
        // The window that began today, and the one that began yesterday and lasts over midnight.
        [0, 1].into_iter().find_map(|days_ago| {
            let day = now.date().checked_sub(Span::new().days(days_ago)).ok()?;
            let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
            // At a change of the clocks a time of day that does not exist is the moment at which it is skipped.
            let begin = day.to_datetime(self.from).to_zoned(now.time_zone().clone()).ok()?;
            let end = last.to_datetime(self.to).to_zoned(now.time_zone().clone()).ok()?;
            let is_open = begin <= *now && *now < end;
            is_open.then(|| Duration::try_from(now.timestamp().duration_until(end.timestamp())).ok())?
        })
    }
}

/// How long hosts may be probed from now on: `Ok(None)` without an end, `Err` not at all.
pub fn open_for(windows: &[Window], zone: &TimeZone, now: Timestamp) -> Result<Option<Duration>, Closed> {
    if windows.is_empty() {
        return Ok(None);
    }
    let now = now.to_zoned(zone.clone());
    // Of windows that overlap the one that is open longest counts.
    windows.iter().filter_map(|window| window.rest(&now)).max().map(Some).ok_or(Closed)
}

/// No window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is no window; write two times of day, like 22:00-06:00",
                text.escape_debug()
            ))
        })
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { from, to } = self;
        let (from, to) = ((from.hour(), from.minute()), (to.hour(), to.minute()));
        serializer.collect_str(&format_args!("{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_last_over_midnight_and_through_changes_of_the_clocks() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let minutes = |window: &str, now: &str| {
            let now: Timestamp = format!("{now}[Europe/Berlin]").parse::<Zoned>().unwrap().timestamp();
            open_for(&[Window::parse(window).unwrap()], &zone, now).map(|rest| rest.unwrap().as_secs() / 60)
        };
        assert_eq!(minutes("22:00-06:00", "2026-11-22T22:00:00"), Ok(480));
        assert_eq!(minutes("22:00-06:00", "2026-11-23T05:30:00"), Ok(30));
        assert_eq!(minutes("22:00-06:00", "2026-11-23T06:00:00"), Err(Closed));
        assert_eq!(minutes("22:00-06:00", "2026-11-23T21:59:59"), Err(Closed));
        assert_eq!(minutes("01:00-05:00", "2026-11-23T00:59:00"), Err(Closed));
        assert_eq!(minutes("01:00-05:00", "2026-11-23T01:30:00"), Ok(210));
        assert_eq!(minutes("01:00-05:00", "2026-03-29T01:00:00"), Ok(180), "an hour is skipped");
        assert_eq!(minutes("01:00-05:00", "2026-10-25T01:00:00"), Ok(300), "an hour comes twice");
        let both = ["01:00-02:00", "01:00-04:00"].map(|text| Window::parse(text).unwrap());
        let now: Timestamp = "2026-11-23T01:00:00Z".parse().unwrap();
        assert_eq!(open_for(&both, &TimeZone::UTC, now), Ok(Some(Duration::from_secs(3 * 3600))));
        assert_eq!(open_for(&[], &zone, now), Ok(None));
        for wrong in ["22-06", "22:00", "25:00-26:00", "22:00-22:00", ""] {
            assert_eq!(Window::parse(wrong), None, "{wrong}");
        }
    }
}
