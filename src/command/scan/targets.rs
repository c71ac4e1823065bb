//! From flags and configuration to targets inside the scope.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::super::Failure;
use super::flags::ScanFlags;
use crate::config::Config;
use crate::given;
use crate::resolve;
use crate::scan::{Shard, Targets};
use crate::target::{Addresses, Endpoints, Range, Scope, Target, TargetError, parse_any, parse_ports, parse_target};
use crate::visible::visible;

/// How many uncovered ranges a complaint names.
const NAMED_RANGES: usize = 5;

/// The targets, and names that stand for none.
pub(super) struct Resolved {
    pub(super) targets: Targets,
    /// Names that could not be resolved.
    pub(super) unresolved: usize,
    /// Names that a dry run leaves as they are.
    pub(super) not_asked: usize,
}

/// Reads and checks everything about the targets. `seed` is that of a run to be resumed.
pub(super) fn resolve(flags: &ScanFlags, config: &Config, seed: Option<u64>) -> Result<Resolved, Failure> {
    let scope = scope(flags, config)?;
    let exclude = list(&flags.exclude, &flags.exclude_files)?.union(&list(&config.exclude, &config.exclude_files)?);
    let mut named = Named::read(&flags.targets, &flags.target_files, From::Anything, flags.resolve)?;
    let not_asked = if flags.dry_run { named.names.len() } else { 0 };
    let unresolved = if flags.dry_run { 0 } else { named.look_up(flags.resolver)? };
    let order = Order {
        seed: flags.seed.or(seed).unwrap_or_else(draw_seed),
        shard: flags.shard.unwrap_or_default(),
        max: flags.max_targets,
    };
    let ports = flags.ports.as_deref().or(config.ports.as_deref()).unwrap_or("3389");
    let targets = named.targets(ports, scope, exclude, &order)?;
    Ok(Resolved { targets, unresolved, not_asked })
}

/// What decides which endpoint comes when.
pub(in crate::command) struct Order {
    pub(in crate::command) seed: u64,
    pub(in crate::command) shard: Shard,
    pub(in crate::command) max: Option<u64>,
}

/// A number that nobody chose. The standard library's hash keys are random enough for an order.
pub(in crate::command) fn draw_seed() -> u64 {
    // Small enough to be typed, and exact in every program that reads JSON.
    RandomState::new().hash_one(()) >> 32
}

/// Targets as they were written.
#[derive(Default)]
pub(in crate::command) struct Named {
    addresses: Addresses,
    single: Vec<SocketAddr>,
    names: Vec<(String, Option<u16>)>,
    had_names: bool,
}
impl Named {
    /// Those of a command line and of files.
    pub(in crate::command) fn read(
        targets: &[String],
        files: &[PathBuf],
        from: From,
        may_name: bool,
    ) -> Result<Self, Failure> {
        let (mut named, mut ranges) = (Self::default(), Vec::new());
        let mut add = |text: &str| -> Result<(), TargetError> {
            match parse_target(text)? {
                Target::Endpoint(endpoint) => named.single.push(endpoint),
                Target::Name(name, _) if !may_name => return Err(TargetError::Name(name)),
                Target::Name(name, port) => named.names.push((name, port)),
                Target::Range(range) => {
                    ranges.push(range);
                    // Ten million lines must not wait in memory to be merged.
                    if ranges.len() > 1 << 20 {
                        named.addresses.extend(ranges.drain(..));
                    }
                }
            }
            Ok(())
        };
        for text in targets {
            add(text).map_err(Failure::usage)?;
        }
        for path in files {
            read_lines(path, from, |line| add(line).map_err(|error| error.to_string()))?;
        }
        named.addresses.extend(ranges);
        named.had_names = !named.names.is_empty();
        Ok(named)
    }

    /// Puts what the names stand for in their place, and returns how many stand for nothing.
    fn look_up(&mut self, resolver: Option<SocketAddr>) -> Result<usize, Failure> {
        let (names, ports): (Vec<String>, Vec<Option<u16>>) = self.names.drain(..).unzip();
        if names.is_empty() {
            return Ok(0);
        }
        let answers = resolve::resolve(&names, resolver)
            .map_err(|error| Failure::usage(format!("names cannot be resolved: {error}; give addresses")))?;
        let mut unresolved = 0;
        for ((name, found), port) in answers.into_iter().zip(ports) {
            match (found, port) {
                (Ok(found), None) => self.addresses.extend(found.into_iter().map(Range::single)),
                (Ok(found), Some(port)) => {
                    self.single.extend(found.into_iter().map(|ip| SocketAddr::new(ip.to_canonical(), port)));
                }
                (Err(error), _) => {
                    // A name server's words are foreign text.
                    eprintln!("`{name}` is skipped: {}", visible(&error));
                    unresolved += 1;
                }
            }
        }
        Ok(unresolved)
    }

    /// The targets, all of them inside the scope; without any, the scope itself.
    pub(in crate::command) fn targets(
        self,
        ports: &str,
        scope: Scope,
        exclude: Addresses,
        order: &Order,
    ) -> Result<Targets, Failure> {
        let Self { mut addresses, mut single, had_names, .. } = self;
        single.sort_unstable();
        single.dedup();
        if !had_names && addresses.is_empty() && single.is_empty() {
            addresses = scope.named().clone();
        }
        if !had_names && addresses.is_empty() && single.is_empty() {
            let message =
                "there is nothing to scan; name targets like 192.0.2.0/24, a file of them with --targets, or a scope";
            return Err(Failure::usage(message));
        }
        check_scope(&scope, &addresses, &single, &exclude)?;
        let ports = parse_ports(ports).map_err(Failure::usage)?;
        let endpoints = Endpoints::new(&addresses, &ports, &single).map_err(Failure::usage)?;
        let Order { seed, shard, max } = *order;
        Ok(Targets { endpoints, seed, shard, max, exclude, scope })
    }
}

/// The scope of the flags, as far as that of the configuration allows.
fn scope(flags: &ScanFlags, config: &Config) -> Result<Scope, Failure> {
    let from_flags = list(&flags.scope, &flags.scope_files)?;
    let has_flags = !flags.scope.is_empty() || !flags.scope_files.is_empty();
    let named = match &config.scope {
        None => from_flags,
        Some(ceiling) => {
            let ceiling = list(ceiling, &[])?;
            if has_flags { ceiling.intersection(&from_flags) } else { ceiling }
        }
    };
    let scope = Scope::new(named);
    if scope.is_wide() && flags.i_am_authorised.as_ref().is_none_or(|text| text.trim().is_empty()) {
        let message = "the scope is wider than a /8 (IPv6: /32); say why you may scan it with --i-am-authorised TEXT";
        return Err(Failure::usage(message));
    }
    Ok(scope)
}

fn check_scope(
    scope: &Scope,
    addresses: &Addresses,
    single: &[SocketAddr],
    exclude: &Addresses,
) -> Result<(), Failure> {
    let single: Addresses = single.iter().map(|endpoint| Range::single(endpoint.ip())).collect();
    let outside = scope.uncovered(&addresses.union(&single).minus(exclude));
    if outside.is_empty() {
        return Ok(());
    }
    let mut named: Vec<String> = outside.ranges().take(NAMED_RANGES).map(|range| range.to_string()).collect();
    if outside.ranges().nth(NAMED_RANGES).is_some() {
        named.push("…".to_owned());
    }
    Err(Failure::usage(format!(
        "{} addresses lie outside the authorised scope: {}; if you may scan them, say so with --scope, otherwise --exclude \
         them",
        outside.count(),
        named.join(", ")
    )))
}

/// Addresses from flags and files.
pub(in crate::command) fn list(texts: &[String], files: &[PathBuf]) -> Result<Addresses, Failure> {
    let mut ranges: Vec<Range> = Vec::new();
    for text in texts {
        ranges.push(parse_any(text).map_err(Failure::usage)?);
    }
    for path in files {
        read_lines(path, From::File, |line| {
            parse_any(line).map(|range| ranges.push(range)).map_err(|error| error.to_string())
        })?;
    }
    Ok(ranges.into_iter().collect())
}

/// Addresses from settings and files as they were written, each of them understood.
pub(in crate::command) fn notations(texts: &[String], files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut all = texts.to_vec();
    for path in files {
        read_lines(path, From::File, |line| {
            all.push(line.to_owned());
            parse_any(line).map(drop).map_err(|error| error.to_string())
        })?;
    }
    Ok(all)
}

/// What a list may come from, beside standard input (`-`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum From {
    /// A file.
    File,
    /// Whatever can be read, a pipe for instance.
    Anything,
}

/// Hands over every line that is not empty, without comment.
fn read_lines(path: &Path, from: From, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<(), Failure> {
    let name = path.display();
    let unreadable = |error: io::Error| Failure::usage(format!("`{name}` cannot be read: {error}"));
    let mut reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = if from == From::File { given::open(path) } else { File::open(path) };
        Box::new(BufReader::new(file.map_err(unreadable)?))
    };
    let mut room = Vec::new();
    let mut number = 0_u64;
    while let Some(line) = given::line(&mut reader, &mut room).map_err(unreadable)? {
        number += 1;
        // Editors on Windows begin a file with a byte order mark.
        let text = line.trim_start_matches('\u{FEFF}').split('#').next().unwrap_or_default().trim();
        if !text.is_empty() {
            take(text).map_err(|error| Failure::usage(format!("{name}:{number}: {error}")))?;
        }
    }
    Ok(())
}
