//! The rate limit on new connections.

use std::num::NonZeroU32;
use std::ops::Sub;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};
use tokio::time::Instant;

/// Connections that may follow at once after a lull, as a part of a second's worth: timers tick in milliseconds, and
/// without this slack every rounding would be lost for ever.
const BURST_PER_SECOND: u32 = 50;

/// Lets connections pass at a steady rate.
#[derive(Debug)]
pub struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>,
    clock: TokioClock,
}

impl Pace {
    /// At most `rate` connections per second.
    #[must_use]
    pub fn per_second(rate: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(rate.get() / BURST_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, TokioClock), clock: TokioClock }
    }

    /// Returns when the next connection may be opened.
    pub async fn admit(&self) {
        while let Err(not_until) = self.limiter.check() {
            tokio::time::sleep(self.wait_after(&not_until)).await;
        }
    }

    fn wait_after(&self, not_until: &NotUntil<TokioInstant>) -> Duration {
        not_until.wait_time_from(self.clock.now())
    }
}

/// Tokio's clock, so that tests can pause time.
#[derive(Clone, Copy, Debug, Default)]
struct TokioClock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TokioInstant(Instant);

impl Clock for TokioClock {
    type Instant = TokioInstant;

    fn now(&self) -> TokioInstant {
        TokioInstant(Instant::now())
    }
}

impl Reference for TokioInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Sub<Nanos> for TokioInstant {
    type Output = Self;

    fn sub(self, duration: Nanos) -> Self {
        self.saturating_sub(duration)
    }
}

impl std::ops::Add<Nanos> for TokioInstant {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + Duration::from(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paused time advances only by the sleeps of the limiter itself, so that the count is exact.
    #[tokio::test(start_paused = true)]
    async fn keeps_the_rate_over_ten_seconds() {
        for rate in [1, 7, 500, 20_000] {
            let pace = Pace::per_second(NonZeroU32::new(rate).unwrap());
            let end = Instant::now() + Duration::from_secs(10);
            let mut admitted = 0_u32;
            while Instant::now() < end {
                pace.admit().await;
                admitted += 1;
            }
            let wanted = rate * 10;
            assert!(admitted >= wanted * 95 / 100, "{admitted} of {wanted}");
            assert!(admitted <= wanted * 105 / 100 + 1, "{admitted} of {wanted}");
        }
    }
}
