//! Standard output: whoever stops reading it has had enough, and anything else that goes wrong there is a fault of this machine.

use std::io::{self, ErrorKind, Write};

use super::Failure;

/// Writes a whole answer.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    judge(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What became of writing there.
pub(super) fn judge(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::own_fault(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
