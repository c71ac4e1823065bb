//! `rdprint scan`: from resolved flags to an exit code.

use super::scan_flags::ScanFlags;
use super::{Exit, Failure, fields, fingerprints, signals};
use crate::scan::{self, Coverage};

pub(super) fn run(flags: &ScanFlags) -> Result<Exit, Failure> {
    if flags.list_fields {
        return fields::list();
    }
    let set = fingerprints::load(&flags.fingerprints)?;
    let (plan, outputs) = flags.resolve()?;
    // One thread: a handshake costs well under a millisecond, and the rate is limited anyway.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("the runtime cannot be started: {error}")))?;
    let mut coverage = Coverage::default();
    let (caught, ended) = runtime.block_on(async {
        let (caught, wish) = match signals::listen() {
            Ok(listening) => listening,
            Err(error) => return Err(Failure::usage(format!("signals cannot be listened for: {error}"))),
        };
        let ended = scan::run(plan, &set, outputs, &mut coverage, wish).await;
        Ok((caught, ended))
    })?;
    eprint!("{coverage}");
    if let Err(error) = ended {
        return Err(Failure::own_fault(format!("stopped early, results are partial: {error}")));
    }
    let found = flags.fail_on.filter(|class| coverage.has_supported(*class)).map(|_| Exit::Found);
    Ok(caught.exit().or(found).unwrap_or(Exit::Done))
}
