//! Ctrl-C and the service manager's wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

use super::Exit;
use crate::scan::Wish;

/// Which signal came first, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct Caught(Arc<AtomicU8>);

impl Caught {
    /// The exit code that the signal asks for.
    pub(super) fn exit(&self) -> Option<Exit> {
        [Exit::Interrupted, Exit::Terminated].into_iter().find(|exit| exit.code() == self.0.load(Ordering::Relaxed))
    }
}

/// Listens from now on. The first signal asks for an end in good order, the second for an end at once with what was
/// seen so far, and a third one, should even that hang, ends the process.
pub(super) fn listen() -> std::io::Result<(Caught, watch::Receiver<Wish>)> {
    let mut signals = Signals::new()?;
    let (wish, receiver) = watch::channel(Wish::GoOn);
    let caught = Caught::default();
    let first = caught.clone();
    tokio::spawn(async move {
        let exit = signals.next().await;
        first.0.store(exit.code(), Ordering::Relaxed);
        eprintln!("stopping: no new host is begun, those under way are finished; once more to stop at once");
        // Whoever no longer listens has ended already.
        let _ended = wish.send(Wish::FinishUp);
        signals.next().await;
        let _ended = wish.send(Wish::EndNow);
        let exit = signals.next().await;
        std::process::exit(exit.code().into());
    });
    Ok((caught, receiver))
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the Unix twin can fail")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Exit {
        // Without a console there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Exit::Interrupted
    }
}
