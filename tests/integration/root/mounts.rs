//! Histories on mounts that are full, or that nobody may write to.

use std::process::Command;

use crate::support::{Folder, Ran};

/// Runs this in a mount namespace of its own, in a small file system, with a history of two sweeps in it as `h.db`.
fn on_a_mount(script: &str) -> Ran {
    let folder = Folder::new();
    let settings = "history = \"h.db\"\ntargets = [\"127.66.93.1\"]\nports = \"1\"\n";
    folder.write("sweep.toml", settings);
    let script = format!(
        "set -e; settings=$1/sweep.toml; mkdir $1/m; mount -t tmpfs -o size=2m rdprint $1/m; cp $settings $1/m; cd $1/m\n\
         rdprint() {{ {} \"$@\"; }}\nrdprint sweep --config sweep.toml; rdprint sweep --config sweep.toml\n{script}",
        env!("CARGO_BIN_EXE_rdprint")
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh", &folder.path("")]);
    Ran::from(command.output().unwrap())
}

#[test]
fn a_history_on_a_read_only_mount_answers() {
    let ran = on_a_mount("mount -o remount,ro $1/m; rdprint history --history h.db sweeps; ls");
    assert_eq!((ran.code, ran.stdout.matches("  complete  ").count()), (Some(0), 2), "{ran:?}");
    assert!(ran.stdout.ends_with("\nh.db\nh.db.lock\nsweep.toml\n"), "nothing was written: {ran:?}");
}

#[test]
fn a_history_that_cannot_be_made_smaller_is_pruned_and_stays_whole() {
    // Room for what is taken away, none for a second copy.
    let fill = "dd if=/dev/zero of=fill bs=4k 2>/dev/null || true; truncate -s -80K fill";
    let prune = "rdprint history --history h.db prune --older-than 1ms; rdprint history --history h.db sweeps";
    let ran = on_a_mount(&format!("{fill}; {prune}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("what was old is taken away, but `h.db` could not be made smaller"), "{ran:?}");
    assert_eq!(ran.stdout.matches("looks pruned").count(), 1, "{ran:?}");
    // And none for anything.
    let ran = on_a_mount(&format!("dd if=/dev/zero of=fill bs=4k 2>/dev/null || true; {prune}"));
    assert_ne!(ran.code, Some(0), "{ran:?}");
}
