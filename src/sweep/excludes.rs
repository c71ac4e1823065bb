//! Files of excludes, read again while a sweep goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::scan::Excludes;
use crate::target::Addresses;

/// How often the files are read. An address that was added holds with the next reading; one that was taken away with the
/// one after, since a file that is just being written is short for a moment.
const EVERY: Duration = Duration::from_secs(1);

/// A reading that takes longer says nothing: the file may lie on a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(3);

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
/// and when they are mended. A reading that hangs holds up a thread of the runtime, which whoever ends that must not wait for.
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
            let mut reading = tokio::task::spawn_blocking(move || read());
            let found = match timeout(PATIENCE, &mut reading).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => Err(format!("reading the excludes ended abnormally, which is a defect: {error}")),
                Err(_) => Err(format!(
                    "reading the excludes takes longer than {} seconds; does their disk answer?",
                    PATIENCE.as_secs()
                )),
            };
            let (excludes, news) = readings.take(found);
            if let Some(news) = news {
                tell(&news);
            }
            sender.send_if_modified(|known| {
                let is_other = *known != excludes;
                *known = excludes;
                is_other
            });
            if !reading.is_finished() {
                // One thread may hang, but not one more each second. What it says so late is read anew.
                let _late = reading.await;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

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

    #[tokio::test]
    async fn a_reading_that_hangs_is_no_reading() {
        let (go_on, waits) = mpsc::channel::<()>();
        let (waits, told) = (Mutex::new(waits), Arc::new(Mutex::new(Vec::new())));
        let (ours, first) = (told.clone(), set(&["10.0.0.1"]));
        let holds = first.clone();
        let read: Read = Arc::new(move || {
            // Ends at once where nobody holds the other end any more.
            let _held_up = waits.lock().unwrap().recv();
            Ok(holds.clone())
        });
        let mut known = watch(first.clone(), read, move |news| ours.lock().unwrap().push(news.to_owned()));
        known.wait_for(|excludes| *excludes == Excludes::Unknown).await.unwrap();
        assert!(told.lock().unwrap()[0].contains("takes longer than 3 seconds"), "{told:?}");
        drop(go_on);
        known.wait_for(|excludes| *excludes == Excludes::Known(first.clone())).await.unwrap();
        assert_eq!(told.lock().unwrap().len(), 2, "{told:?}");
    }
}
