//! Telling a program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often an unfinished program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Starts the program without a shell, gives it the alert, and waits for it to end well.
pub(super) fn run(command: &[String], body: &str, timeout: Duration) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("no command is set any more".to_owned());
    };
    let mut command = Command::new(program);
    // What it prints is talk: standard output belongs to the news alone.
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
    // With all that it starts it forms a group, which can be ended as one.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let (input, body) = (child.stdin.take(), format!("{body}\n"));
    // A program that does not read must not hold us up; one that has read enough may close early.
    let writer = thread::spawn(move || input.map(|mut input| input.write_all(body.as_bytes())));
    let end = Instant::now() + timeout;
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break Ok(()),
            Ok(Some(status)) => break Err(format!("`{program}` failed: {status}")),
            Ok(None) if Instant::now() < end => thread::sleep(LOOK),
            Ok(None) => {
                end_all(&mut child);
                break Err(format!("`{program}` did not end within {timeout:?} and was stopped"));
            }
            Err(error) => break Err(format!("`{program}` cannot be waited for: {error}")),
        }
    };
    drop(writer);
    ended
}

/// Whether a program can be started by this name: a whole path, or one that is found in `PATH`. A path that begins nowhere
/// would be another one wherever a sweep is started.
pub(super) fn check(program: &str) -> Result<(), String> {
    let path = Path::new(program);
    let is_there = if path.is_absolute() {
        is_program(path)
    } else if path.components().count() == 1 {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| is_program(&folder.join(path)))
    } else {
        return Err(format!("`command` of [alerts] names `{program}`; write its whole path, from the root"));
    };
    let way_out = "name one that is there and may be executed, by its whole path or as `PATH` finds it";
    if is_there { Ok(()) } else { Err(format!("`command` of [alerts]: there is no program `{program}`; {way_out}")) }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The system adds extensions of its own.
#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    ["", "exe", "com", "bat", "cmd"].iter().any(|extension| path.is_file() || path.with_extension(extension).is_file())
}

/// Ends a program that was not waited for yet, and what it started: a shell's child would go on without it.
fn end_all(child: &mut Child) {
    // If some of them have ended in the meantime, all the better.
    #[cfg(unix)]
    let _ended =
        rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    let _ended = child.kill().and_then(|()| child.wait());
}
