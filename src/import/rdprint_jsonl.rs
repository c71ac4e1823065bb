//! rdprint's own JSON Lines. Stored verdicts are not read: they are worked out anew.

use super::facts::Stated;
use super::input::Input;
use super::json::each_line;
use super::{Flow, ImportError, Item, Reading};
use crate::observe::{Anomaly, Certificate, Observation};

#[expect(clippy::unnecessary_wraps, reason = "every importer has this shape")]
pub(super) fn read(input: Input, take: &mut dyn FnMut(Item<'_>) -> Flow) -> Result<Flow, ImportError> {
    Ok(each_line(input, take, read_line))
}

fn read_line(line: &[u8], number: u64, reading: &mut Reading<'_>) -> Flow {
    match serde_json::from_slice::<Observation>(line) {
        Ok(seen) if seen.port == 0 => reading.lost(number, "has no TCP port in `port`"),
        Ok(mut seen) => {
            work_out_certificates(&mut seen);
            reading.seen(seen, line)
        }
        Err(error) => reading.lost(number, format_args!("is no record of rdprint: {error}")),
    }
}

/// Works out every certificate whose bytes are there.
pub(super) fn work_out_certificates(seen: &mut Observation) {
    let mut anomalies = Vec::new();
    let of_tls = seen.tls.iter_mut().flat_map(|tls| &mut tls.certificates);
    for certificate in of_tls.chain(seen.mcs.iter_mut().flat_map(|mcs| &mut mcs.certificates)) {
        let Some(der) = &certificate.der else { continue };
        let anew = Certificate::from_der(&der.0);
        let stated = std::mem::replace(certificate, anew);
        let hashes = Stated { sha256: stated.sha256, sha1: stated.sha1, md5: stated.md5 };
        hashes.check(certificate, &mut anomalies);
    }
    if !anomalies.is_empty() {
        seen.note([Anomaly::ImportedHashDiffers]);
    }
}
