//! Exit codes: a promise to scripts.

use std::fmt;

use crate::store::StoreError;
use crate::sweep::lock::LockError;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and what `--fail-on` names was found.
    Found,
    /// Wrong usage, or something that was to be opened could not be; nothing was sent.
    Usage,
    /// Done, but some of the input was skipped.
    Skipped,
    /// Stopped by our own fault; results are partial, or the self-test failed.
    OwnFault,
    /// Another run holds the lock.
    Held,
    /// Ended by its window, its time limit or a health check before everything was done.
    Incomplete,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Skipped => 3,
            Self::OwnFault => 4,
            Self::Held => 5,
            Self::Incomplete => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// A run that could not be carried out: one clear sentence and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    message: String,
}

impl Failure {
    /// A mistake in what the user gave; nothing was sent.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// Another run has what this one needs.
    pub fn held(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Held, message: message.to_string() }
    }

    /// The lock of a history that is not to be had.
    pub(super) fn unlocked(error: LockError) -> Self {
        match error {
            LockError::Held { .. } => Self::held(error),
            LockError::Io(..) => Self::usage(error),
        }
    }

    /// What went wrong in an open history, by whose fault.
    pub(super) fn in_history(error: &StoreError) -> Self {
        match error {
            StoreError::Sqlite { .. } | StoreError::Io { .. } | StoreError::TakenOver { .. } => Self::own_fault(error),
            _ => Self::usage(error),
        }
    }

    /// Our own fault, in the middle.
    pub fn own_fault(message: impl fmt::Display) -> Self {
        Self { exit: Exit::OwnFault, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}
