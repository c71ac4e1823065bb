//! Zeek's logs: rdp.log names the connections, ssl.log their TLS, x509.log the certificates and ntlm.log, which Zeek
//! writes of SMB and RPC and not of RDP, what the same host calls itself.
//!
//! Joined by `uid`, by the first of `cert_chain_fps` (or `cert_chain_fuids`), and by the server's address with the
//! nearest time. What is held for this is bounded.

mod join;
mod row;

use std::ops::ControlFlow;

use super::input::Input;
use super::{Flow, ImportError, Item, Loss, Reading, Source};
use join::Join;
use row::{Log, RowError, Rows};

const TOOL: &str = "zeek";

/// Whether this is the beginning of an rdp.log.
pub(super) fn is_rdp_log(head: &[u8]) -> bool {
    Log::of(head) == Some(Log::Rdp)
}

/// Reads the logs that belong together.
pub(super) fn read(sources: Vec<Source>, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    if sources.is_empty() {
        return Ok(Flow::Continue(()));
    }
    let (mut inputs, mut others) = (Vec::new(), Vec::new());
    for source in sources {
        let input = source.into_input()?;
        match Log::of(&input.head) {
            Some(log) => inputs.push((log, input)),
            None => others.push(input.name),
        }
    }
    for name in others {
        let what = "is a log of Zeek's that says nothing of RDP: rdp, ssl, x509 and ntlm are read";
        if (Reading { name: &name, take }).problem(1, Loss::Rest, what).is_break() {
            return Ok(Flow::Break(()));
        }
    }
    // Each log says what matters in the next.
    inputs.sort_by_key(|(log, _)| *log);
    let mut join = Join::new(inputs.iter().any(|(log, _)| *log != Log::Rdp));
    for (log, input) in inputs {
        if read_log(log, input, &mut join, take).is_break() {
            return Ok(Flow::Break(()));
        }
    }
    Ok(join.finish(take))
}

fn read_log(log: Log, input: Input, join: &mut Join, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Flow {
    let mut reading = Reading { name: &input.name, take };
    let mut rows = Rows::of(input.reader, log);
    join.begin_file(reading.name);
    loop {
        let line = rows.next_line();
        match rows.next() {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some((row, length))) => match log {
                Log::Rdp => join.connection(&row, line, length, &mut reading)?,
                Log::Ssl => join.tls(&row, line, length, &mut reading)?,
                Log::X509 => join.certificate(&row, line, length, &mut reading)?,
                Log::Ntlm => join.names(&row, line, length, &mut reading)?,
            },
            Err(RowError::TooLong) => reading.too_long(line)?,
            Err(RowError::Row(what)) => reading.lost(line, what)?,
            Err(RowError::OtherLog) => {
                let what = "another log begins here, and the rest is not read; give each log as a file of its own";
                return reading.problem(line, Loss::Rest, what);
            }
            Err(RowError::Io(error)) => return reading.broken(line, &error),
        }
    }
}
