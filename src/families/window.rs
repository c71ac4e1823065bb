//! Windows of time, of one length, the newest of which ends with the newest look.

use jiff::Timestamp;

/// How time is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    newest: i64,
    length: i64,
}

impl Windows {
    /// Windows of `length` seconds up to `newest`.
    pub(super) fn new(newest: i64, length: i64) -> Self {
        Self { newest, length: length.max(1) }
    }

    /// The number of the window in which a time lies; 0 is the newest.
    pub(super) fn of(self, time: i64) -> i64 {
        self.newest.saturating_sub(time).max(0) / self.length
    }

    /// After the first and up to the second.
    pub(super) fn span(self, window: i64) -> (Timestamp, Timestamp) {
        let to = self.newest.saturating_sub(window.saturating_mul(self.length));
        (timestamp(to.saturating_sub(self.length)), timestamp(to))
    }
}

/// A time of whole seconds, cut to what the calendar holds.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_with_the_newest_look_and_leave_no_gap() {
        let windows = Windows::new(1_000, 100);
        assert_eq!([1_000, 901, 900, 801, 800].map(|time| windows.of(time)), [0, 0, 1, 1, 2]);
        assert_eq!(windows.span(1), (timestamp(800), timestamp(900)));
        assert_eq!(Windows::new(i64::MAX, 1).of(i64::MIN + 1), i64::MAX);
        assert_eq!(Windows::new(0, 7).span(i64::MAX).0, Timestamp::MIN);
    }
}
