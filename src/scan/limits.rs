//! The pace and the patience of a run.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::probe::{Cookie, Depth, Pace, Prober, Settings};

/// Everything that keeps a run a good guest.
#[derive(Clone, Debug)]
pub struct Limits {
    /// New connections per second.
    pub rate: NonZeroU32,
    /// Hosts in work at once.
    pub concurrency: NonZeroU32,
    /// Hosts in work at once in one /24 (IPv6 /64).
    pub per_network: NonZeroU32,
    /// For a connection to be established.
    pub connect_timeout: Duration,
    /// For each further step.
    pub step_timeout: Duration,
    /// For the whole dialogue with an endpoint.
    pub timeout: Duration,
    /// Between the end of one connection to a host and the start of the next.
    pub pause: Duration,
    /// For the whole run.
    pub max_duration: Option<Duration>,
    /// How rdprint introduces itself.
    pub cookie: Cookie,
    /// How far the dialogue goes.
    pub depth: Depth,
}

const fn number(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        let Settings { connect_timeout, step_timeout, deadline, pause, cookie, depth } = Settings::default();
        Self {
            rate: number(500),
            concurrency: number(2000),
            per_network: number(16),
            connect_timeout,
            step_timeout,
            timeout: deadline,
            pause,
            max_duration: None,
            cookie,
            depth,
        }
    }
}

impl Limits {
    /// A prober that keeps to them.
    #[must_use]
    pub fn prober(&self) -> Prober {
        let settings = Settings {
            connect_timeout: self.connect_timeout,
            step_timeout: self.step_timeout,
            deadline: self.timeout,
            pause: self.pause,
            cookie: self.cookie.clone(),
            depth: self.depth,
        };
        Prober::new(settings, Pace::per_second(self.rate))
    }
}
