//! The place where the servers run, and die: a PID and mount namespace that ends with this process.
//!
//! The rig is a static, and statics are not dropped, so something else must end the servers, also after a panic, an
//! abort or a SIGKILL. `setpriv --pdeathsig` will not do: the signal comes when the *thread* that started the child
//! ends, which here is the thread of whichever test came first. Instead a warden, a shell in a process group of its
//! own (Ctrl-C does not reach it), holds a PID namespace whose first process reads the warden's standard input. Its
//! other end is a pipe that only this process has, close-on-exec. When this process ends, in whatever way, the reader
//! sees the end of file and exits, and the kernel kills everything in the namespace, daemonised grandchildren
//! included. Then the warden removes the files and the network namespace.
//!
//! The mount namespace has an empty /run and /tmp, so that servers find no sockets, locks or display numbers of the
//! machine's, and leave none.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::{env, process};

/// How the scratch folder and the network namespace are called, before the process id of their owner.
const PREFIX: &str = "rdprint-rig-";

/// Arguments: scratch folder, lock file. Prints the process id of the namespace's first process, or why there is none.
/// The lock is held until everything is gone: rigs of two test processes take turns instead of sharing addresses.
const WARDEN: &str = r#"
scratch=$1
exec 2>&1 9>"$2"
flock --wait 300 9 || { echo "another rig held $2 for five minutes"; exit 1; }
unshare --pid --mount --fork --kill-child sh -c '
    set -e
    read -r pid rest </proc/self/stat  # before /proc shows the numbers of the new namespace
    mount -t proc proc /proc
    mount -t tmpfs rig /run
    mkdir /run/scratch
    mount --bind "$1" /run/scratch
    mount -t tmpfs -o mode=1777 rig /tmp
    mkdir -p "$1"
    mount --bind /run/scratch "$1"
    echo "$pid"
    exec cat >/dev/null 2>&1
' first "$scratch"
ip netns delete "${scratch##*/}" >/dev/null 2>&1
rm -rf "$scratch"
"#;

pub(super) struct Sandbox {
    scratch: PathBuf,
    name: String,
    /// The first process of the namespace, by its number outside.
    first: u32,
    _warden: Child,
    _lifeline: ChildStdin,
}

impl Sandbox {
    pub(super) fn open() -> Result<Self, String> {
        remove_leftovers();
        let name = format!("{PREFIX}{}", process::id());
        let scratch = env::temp_dir().join(&name);
        make_dir(&scratch, 0o755)?;
        let mut warden = Command::new("sh")
            .args(["-c", WARDEN, "warden"])
            .arg(&scratch)
            .arg(env::temp_dir().join("rdprint-rig.lock"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot run sh: {error}"))?;
        let lifeline = warden.stdin.take().expect("stdin is piped");
        let mut output = BufReader::new(warden.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        output.read_line(&mut line).map_err(|error| format!("cannot read from the warden: {error}"))?;
        let Ok(first) = line.trim().parse() else {
            // A lone EOF may mean a shell that died: then there is nothing more to quote.
            let _ = output.read_to_string(&mut line);
            return Err(format!("no namespaces for the servers: {}", line.trim()));
        };
        Ok(Self { scratch, name, first, _warden: warden, _lifeline: lifeline })
    }

    /// A new folder of that name for one server, readable by all, as xrdp wants it.
    pub(super) fn dir(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.scratch.join(name);
        make_dir(&dir, 0o755)?;
        Ok(dir)
    }

    /// A new folder that only root may enter, as `XDG_RUNTIME_DIR` must be.
    pub(super) fn private_dir(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.scratch.join(name);
        make_dir(&dir, 0o700)?;
        Ok(dir)
    }

    /// A command inside: dies with the sandbox. Its working directory is `/`.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = self.enter();
        command.args(["--", program]);
        command
    }

    /// The same under a host name of its own.
    pub(super) fn command_on_host(&self, hostname: &str, program: &str) -> Command {
        let mut command = self.enter();
        rename_host(&mut command, hostname, program);
        command
    }

    /// The same in the network namespace that [`Sandbox::make_network`] made.
    pub(super) fn command_on_network(&self, network: &str, hostname: &str, program: &str) -> Command {
        let mut command = self.enter();
        command.arg(format!("--net=/run/netns/{network}"));
        rename_host(&mut command, hostname, program);
        command
    }

    /// Makes the rig's network namespace, where nothing but loopback exists, and returns its name.
    pub(super) fn make_network(&self) -> Result<String, String> {
        super::process::run(Command::new("ip").args(["netns", "add", &self.name]))?;
        super::process::run(Command::new("ip").args(["-n", &self.name, "link", "set", "lo", "up"]))?;
        Ok(self.name.clone())
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        // nsenter opens all namespaces before it enters one, so the paths are those of outside.
        command.arg(format!("--pid=/proc/{}/ns/pid", self.first)).arg(format!("--mount=/proc/{}/ns/mnt", self.first));
        // nsenter is the parent that the namespace's end waits for: a signal to the group of this process must not
        // take it away first.
        command.process_group(0);
        command
    }
}

fn rename_host(command: &mut Command, hostname: &str, program: &str) {
    command.args(["--", "unshare", "--uts", "sh", "-c", r#"hostname "$0" && exec "$@""#, hostname, program]);
}

fn make_dir(path: &Path, mode: u32) -> Result<(), String> {
    // The mode is set afterwards because the umask would take bits away from create_dir's.
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|error| format!("cannot make {}: {error}", path.display()))
}

/// Removes what rigs left behind whose warden was killed too.
fn remove_leftovers() {
    for name in stale_names(&env::temp_dir()) {
        let _ = fs::remove_dir_all(env::temp_dir().join(name));
    }
    for name in stale_names(Path::new("/run/netns")) {
        let _ = super::process::run(Command::new("ip").args(["netns", "delete", &name]));
    }
}

/// The entries of a folder that belong to a rig whose process is gone.
fn stale_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let owner = name.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok());
            owner.is_some_and(|pid| pid == process::id() || !Path::new(&format!("/proc/{pid}")).exists())
        })
        .collect()
}
