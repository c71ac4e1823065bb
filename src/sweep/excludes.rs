//! Files of excludes, read again while a sweep goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::scan::Excludes;
use crate::target::Addresses;

/// How often the files are read. An address that was added holds with the next reading; one that was taken away with the
/// one after, since a file that is just being written is short for a moment.
const EVERY: Duration = Duration::from_secs(1);

/// Reads all excludes; an error is a sentence that names the file.
pub type Read = Arc<dyn Fn() -> Result<Addresses, String> + Send + Sync>;

/// What a reading means, given the one before.
#[derive(Debug)]
struct Readings {
    last: Addresses,
    is_unknown: bool,
}

impl Readings {
    /// What holds now.
    fn take(&mut self, read: Result<Addresses, String>) -> (Excludes, Option<String>) {
        match read {
            Ok(now) => {
                let holds = if self.is_unknown || now == self.last { now.clone() } else { now.union(&self.last) };
                let news = self.is_unknown.then(|| "the excludes can be read again; new targets are taken".to_owned());
                (self.last, self.is_unknown) = (now, false);
                (Excludes::Known(holds), news)
            }
            Err(error) => {
                let news = (!self.is_unknown).then(|| format!("no new target is taken until this is mended: {error}"));
                self.is_unknown = true;
                (Excludes::Unknown, news)
            }
        }
    }
}

/// Reads the excludes from now on, as long as somebody listens; `tell` is given a sentence when they become unreadable,
/// and when they are mended.
pub fn watch(first: Addresses, read: Read, tell: impl Fn(&str) + Send + 'static) -> watch::Receiver<Excludes> {
    let (sender, receiver) = watch::channel(Excludes::Known(first.clone()));
    let mut readings = Readings { last: first, is_unknown: false };
    tokio::spawn(async move {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !sender.is_closed() {
            tick.tick().await;
            let read = read.clone();
            // A long list takes a while, and probes must not wait for it.
            let Ok(found) = tokio::task::spawn_blocking(move || read()).await else { continue };
            let (excludes, news) = readings.take(found);
            if let Some(news) = news {
                tell(&news);
            }
            sender.send_if_modified(|known| {
                let is_other = *known != excludes;
                *known = excludes;
                is_other
            });
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse_any;

    fn set(texts: &[&str]) -> Addresses {
        texts.iter().map(|text| parse_any(text).unwrap()).collect()
    }

    #[test]
    fn what_is_added_holds_at_once_and_what_is_gone_a_reading_later() {
        let (a, ab) = (set(&["10.0.0.1"]), set(&["10.0.0.1", "10.0.0.2"]));
        let mut readings = Readings { last: a.clone(), is_unknown: false };
        let mut after = |read: Result<&Addresses, &str>| readings.take(read.cloned().map_err(str::to_owned));
        assert_eq!(after(Ok(&ab)), (Excludes::Known(ab.clone()), None));
        assert_eq!(after(Ok(&set(&[]))), (Excludes::Known(ab.clone()), None), "perhaps it is just being written");
        assert_eq!(after(Ok(&ab)), (Excludes::Known(ab.clone()), None));
        assert_eq!(after(Ok(&a)), (Excludes::Known(ab.clone()), None));
        assert_eq!(after(Ok(&a)), (Excludes::Known(a.clone()), None));
        let (excludes, news) = after(Err("x.txt:3: nonsense"));
        assert_eq!(excludes, Excludes::Unknown);
        assert!(news.unwrap().ends_with("until this is mended: x.txt:3: nonsense"));
        assert_eq!(after(Err("x.txt:3: nonsense")), (Excludes::Unknown, None), "told once");
        let (excludes, news) = after(Ok(&ab));
        assert_eq!((excludes, news.is_some()), (Excludes::Known(ab), true));
    }
}
