//! Ctrl-C and the service manager's wish to stop.
//!
//! Once a handler is set, a signal alone ends the process no more, whatever it is doing. So somebody listens on a thread of
//! its own from then on, to the end of the process: while something goes on that can be stopped in good order it is asked
//! to, otherwise the process ends at once.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::{Exit, Failure};
use crate::scan::Wish;

/// For how long what was seen so far may be written after the second signal.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Which signal came first, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct Caught(Arc<Mutex<Option<Exit>>>);

impl Caught {
    /// The exit code that the signal asks for.
    pub(super) fn exit(&self) -> Option<Exit> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, exit: Exit) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exit);
    }
}

/// What goes on and can be stopped in good order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A scan: the first signal asks for an end in good order, the second for an end at once with what was seen so far. Where
    /// even that hangs, at standard output that nobody reads say, the process ends soon after, or with a third signal.
    Scan,
    /// Something of many steps: the first signal asks for the end of the one under way, the second ends the process.
    Steps,
}

/// The ear of the process, from its first work to its end.
pub(super) struct Signals {
    caught: Caught,
    going: Arc<Mutex<Option<Going>>>,
}

/// What goes on, and the way to ask for its end.
struct Going {
    work: Work,
    wish: watch::Sender<Wish>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Failure> {
        Self::start().map_err(|error| Failure::usage(format!("signals cannot be listened for: {error}")))
    }

    fn start() -> io::Result<Self> {
        let signals = Self { caught: Caught::default(), going: Arc::default() };
        let (caught, going) = (signals.caught.clone(), signals.going.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut source = {
            let _context = runtime.enter();
            Source::new()?
        };
        let listen = async move {
            loop {
                let exit = source.next().await;
                let going = going.lock().unwrap_or_else(PoisonError::into_inner);
                if !going.as_ref().is_some_and(|going| going.ask_for_an_end(exit)) {
                    std::process::exit(exit.code().into());
                }
                caught.note(exit);
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
        Ok(signals)
    }

    /// Which signal was heard.
    pub(super) fn caught(&self) -> Caught {
        self.caught.clone()
    }

    /// Begins something that can be stopped, and goes on for as long as the receiver is there.
    pub(super) fn begin(&self, work: Work) -> watch::Receiver<Wish> {
        let (wish, receiver) = watch::channel(Wish::GoOn);
        *self.going.lock().unwrap_or_else(PoisonError::into_inner) = Some(Going { work, wish });
        receiver
    }
}

impl Going {
    /// Asks for the next degree of an end; `false` if there is none, or nobody is left who could be asked.
    fn ask_for_an_end(&self, exit: Exit) -> bool {
        let Self { work, wish } = self;
        let now = *wish.borrow();
        let (next, sentence) = match (now, work) {
            (Wish::GoOn, Work::Scan) => (
                Wish::FinishUp,
                Some("stopping: no new host is begun, those under way are finished; once more to stop at once"),
            ),
            (Wish::GoOn, Work::Steps) => {
                (Wish::FinishUp, Some("stopping when what is under way is done; once more to stop at once"))
            }
            (Wish::FinishUp, Work::Scan) => (Wish::EndNow, None),
            (Wish::FinishUp, Work::Steps) | (Wish::EndNow, _) => return false,
        };
        let is_heard = wish.send(next).is_ok();
        if let Some(sentence) = sentence.filter(|_| is_heard) {
            // Nobody may read standard error, and the next signal must be heard all the same.
            thread::spawn(move || eprintln!("{sentence}"));
        }
        if next == Wish::EndNow {
            let wish = wish.clone();
            thread::spawn(move || {
                thread::sleep(LAST_WORDS);
                if !wish.is_closed() {
                    std::process::exit(exit.code().into());
                }
            });
        }
        is_heard
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
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
struct Source;

#[cfg(not(unix))]
impl Source {
    #[expect(clippy::unnecessary_wraps, reason = "the Unix twin can fail")]
    fn new() -> io::Result<Self> {
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
