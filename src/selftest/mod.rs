//! The self-test: would a scan by this program, on this machine, find a clone?
//!
//! A small RDP server on loopback plays a clone of a known image, and then an honest host. Both are probed and judged
//! by the very code that a scan runs: real sockets, X.224, TLS, CredSSP, NTLM, the embedded fingerprints. The clone
//! must be found and the honest host must not be, or else neither "found" nor "no findings" means anything.

mod certificate;
mod encode;
mod request;
mod server;
mod tls;

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use thiserror::Error;

use crate::fingerprint::{Class, Confidence, FingerprintErrors, FingerprintSet, Match};
use crate::observe::{KeyPossession, Observation, Stage, Status};
use crate::probe::{LocalFault, Pace, Prober, Settings};
use crate::verdict::Record;
use server::Server;

/// On loopback, a probe that takes longer than this is no probe that could be trusted with a network.
const DEADLINE: Duration = Duration::from_secs(4);

/// One connection a second to a host, as in a scan.
const RATE: NonZeroU32 = NonZeroU32::MIN;

/// The two looks of a self-test.
const CASES: [Case; 2] = [
    Case {
        host: Host { name: "WIN-BUNS25TD77J", build: 20348 },
        kind: "a clone of a known image",
        resembles: Some(("redvds", Class::CriminalImage)),
    },
    Case { host: Host { name: "WIN-7K2QF0B3M1D", build: 20348 }, kind: "an honest server", resembles: None },
];

/// What the server plays: a Windows in a workgroup.
#[derive(Clone, Copy)]
struct Host {
    name: &'static str,
    build: u16,
}

/// A host and what must be found about it.
struct Case {
    host: Host,
    kind: &'static str,
    /// The fingerprint that it must be found to fit, with its class; none for a host that must not fit any.
    resembles: Option<(&'static str, Class)>,
}

/// Why a self-test did not pass.
#[derive(Debug, Error)]
pub enum SelftestError {
    /// The embedded fingerprints do not compile.
    #[error(transparent)]
    Fingerprints(#[from] FingerprintErrors),
    /// No socket can be had.
    #[error("no server can be started on loopback: {0}")]
    Server(#[from] io::Error),
    /// The machine is exhausted.
    #[error(transparent)]
    Local(#[from] LocalFault),
    /// Something is not as it must be: in the facts, in the verdict, or in what the server saw of us.
    #[error("{host} was played, and {what}")]
    Differs {
        /// The name of the host.
        host: &'static str,
        /// The rest of the sentence.
        what: String,
    },
}

/// A case that passed, told as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed(String);

impl fmt::Display for Passed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Runs the whole self-test; takes about a second, and never longer than a few.
pub async fn run() -> Result<Vec<Passed>, SelftestError> {
    let bench = Bench::start().await?;
    let mut passed = Vec::new();
    for case in &CASES {
        passed.push(bench.look(&case.host, case).await?);
    }
    Ok(passed)
}

/// Both ends of the dialogue, and the judge.
struct Bench {
    server: Server,
    prober: Prober,
    fingerprints: FingerprintSet,
}

impl Bench {
    async fn start() -> Result<Self, SelftestError> {
        let fingerprints = FingerprintSet::embedded()?;
        let settings = Settings { deadline: DEADLINE, ..Settings::default() };
        Ok(Self { server: Server::start().await?, prober: Prober::new(settings, Pace::per_second(RATE)), fingerprints })
    }

    /// Probes the server while it plays `host`, and compares what was seen with what `case` says.
    async fn look(&self, host: &Host, case: &Case) -> Result<Passed, SelftestError> {
        self.prober.admit().await;
        // Without a probe there is nothing that the server could wait for.
        let (observation, served) = tokio::try_join!(self.prober.probe(self.server.endpoint), async {
            Ok::<_, LocalFault>(self.server.play(host).await)
        })?;
        let record = Record::judge(observation, &self.fingerprints);
        let what = match (compare(&record, case), served) {
            (Ok(()), Ok(())) => return Ok(case.passed(&record)),
            (Ok(()), Err(complaint)) => format!("the server complains: {complaint}"),
            (Err(difference), Ok(())) => difference,
            (Err(difference), Err(complaint)) => format!("{difference} (the server complains: {complaint})"),
        };
        Err(SelftestError::Differs { host: host.name, what })
    }
}

/// Names the first thing that is not as it must be, in the order of the dialogue, so that it is nearest to the cause.
fn compare(record: &Record, case: &Case) -> Result<(), String> {
    let seen = &record.observation;
    let name = Some(case.host.name.to_owned());
    let certificate = seen.leaf().and_then(|leaf| leaf.subject_cn.clone());
    let oddities: Vec<&str> = seen.anomalies.iter().map(|anomaly| <&str>::from(*anomaly)).collect();
    let possession = seen.tls.as_ref().map(|tls| tls.key_possession.to_string());
    let build = seen.ntlm_build().map(|build| build.to_string());
    let facts = [
        ("the end of the dialogue", Some(ending(seen)), Some(format!("{} at {}", Status::Success, Stage::Credssp))),
        ("the list of anomalies", Some(oddities.join(", ")).filter(|list| !list.is_empty()), None),
        ("the possession of the key", possession, Some(KeyPossession::Proven.to_string())),
        ("the name in the certificate", certificate, name.clone()),
        ("the computer name", seen.computer_name().map(str::to_owned), name),
        ("the build", build, Some(case.host.build.to_string())),
        ("the match", record.strongest().map(told), case.resembles.map(expected)),
    ];
    let Some((what, seen, wanted)) = facts.into_iter().find(|(_, seen, wanted)| seen != wanted) else { return Ok(()) };
    let [seen, wanted] = [seen, wanted].map(|fact| fact.unwrap_or_else(|| "none".to_owned()));
    Err(format!("{what} is `{seen}` instead of `{wanted}`"))
}

fn ending(seen: &Observation) -> String {
    let error = seen.error.as_ref().map_or(String::new(), |error| format!(": {error}"));
    format!("{} at {}{error}", seen.status, seen.stage)
}

fn told(found: &Match) -> String {
    format!("{} ({}, {})", found.fingerprint_id, found.class, found.confidence)
}

/// All that can speak for a clone is played, so nothing below the highest confidence will do.
fn expected((fingerprint, class): (&str, Class)) -> String {
    format!("{fingerprint} ({class}, {})", Confidence::Strong)
}

impl Case {
    fn passed(&self, record: &Record) -> Passed {
        let found = record
            .strongest()
            .map_or_else(|| "matches nothing".to_owned(), |found| format!("found as {}", told(found)));
        Passed(format!("{} (build {}), {}: {found}", self.host.name, self.host.build, self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLONE: &Case = &CASES[0];
    const HONEST: &Case = &CASES[1];

    /// The complaint when the server plays `host` and `case` is expected.
    async fn complaint(host: &Host, case: &Case) -> String {
        Bench::start().await.unwrap().look(host, case).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_server_that_shows_another_name_or_build_is_not_what_was_planted() {
        let other_build = Host { build: 17763, ..CLONE.host };
        let (clone, honest) = (CLONE.host.name, HONEST.host.name);
        assert_eq!(
            complaint(&HONEST.host, CLONE).await,
            format!("{honest} was played, and the name in the certificate is `{honest}` instead of `{clone}`")
        );
        assert_eq!(
            complaint(&other_build, CLONE).await,
            format!("{clone} was played, and the build is `17763` instead of `20348`")
        );
    }

    #[tokio::test]
    async fn a_judge_that_finds_nothing_fails_and_one_that_matches_everything_too() {
        let missed = Case { resembles: CLONE.resembles, ..*HONEST };
        let accused = Case { resembles: None, ..*CLONE };
        let complaints = [complaint(&HONEST.host, &missed).await, complaint(&CLONE.host, &accused).await];
        assert!(complaints[0].ends_with("the match is `none` instead of `redvds (criminal-image, strong)`"));
        assert!(complaints[1].ends_with("the match is `redvds (criminal-image, strong)` instead of `none`"));
    }

    #[tokio::test]
    async fn a_borrowed_key_an_oddity_and_a_broken_dialogue_are_named() {
        let bench = Bench::start().await.unwrap();
        let (observation, served) =
            tokio::join!(bench.prober.probe(bench.server.endpoint), bench.server.play(&CLONE.host));
        served.unwrap();
        let good = observation.unwrap();
        let difference = |change: fn(&mut Observation)| {
            let mut seen = good.clone();
            change(&mut seen);
            compare(&Record::judge(seen, &bench.fingerprints), CLONE).unwrap_err()
        };
        assert_eq!(
            difference(|seen| seen.tls.as_mut().unwrap().key_possession = KeyPossession::Failed),
            "the possession of the key is `failed` instead of `proven`"
        );
        assert_eq!(
            difference(|seen| seen.note([crate::observe::Anomaly::NtlmWrapped])),
            "the list of anomalies is `ntlm-wrapped` instead of `none`"
        );
        let broken = difference(|seen| {
            (seen.status, seen.stage) = (Status::HandshakeError, Stage::Tls);
            seen.error = Some("no common suite".to_owned());
        });
        assert_eq!(
            broken,
            "the end of the dialogue is `handshake-error at tls: no common suite` instead of `success at credssp`"
        );
    }
}
