use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;
use crate::support::PATIENCE;

impl World {
    fn spawn(&self, more: &[&str]) -> std::process::Child {
        spawn(&Self::arguments(&self.folder.path("sweep.toml"), more))
    }
}

fn spawn(arguments: &[&str]) -> std::process::Child {
    rdprint(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: std::process::Child) -> Ran {
    Ran::from(child.wait_with_output().unwrap())
}

#[test]
fn killed_at_any_moment_a_sweep_ends_as_if_nothing_had_been() {
    let (world, undisturbed) = (World::new(20), World::new(21));
    for (world, rate) in [(&world, 4), (&undisturbed, 100)] {
        world.settings(&format!("[limits]\nrate = {rate}\nper_network = 64"));
        for last in 0..64 {
            match last % 4 {
                0 => {}
                1 => world.set(last, clone(last)),
                _ => world.set(last, plain(last)),
            }
        }
    }
    undisturbed.complete();
    let mut kills = 0;
    // Not random, so that a failure can be had again, but uneven.
    for pause in
        [130, 1410, 310, 1170, 730, 90, 1290, 510, 1610, 250, 890, 1050, 170, 1350, 430, 970, 610, 1530, 70, 1230]
    {
        let mut child = world.spawn(&[]);
        std::thread::sleep(Duration::from_millis(pause));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 15, "{kills} kills");
    world.settings("[limits]\nper_network = 64");
    let last = world.sweep(&[]);
    assert_eq!(last.code, Some(0), "{last:?}");
    let told = |world: &World| {
        let exported = world.exported();
        let told = exported.into_iter().map(|(last, record)| {
            let parts = ["status", "stage", "matches", "traits"].map(|name| record[name].clone());
            (last, parts, record["ntlm"]["netbios_computer_name"].clone())
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&world), told(&undisturbed));
    let sweeps = |world: &World| {
        let text = world.history(&["sweeps", "--json"]).stdout;
        let sweeps: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let Value::Object(coverage) = sweeps[0]["coverage"].clone() else { panic!("{text}") };
        (sweeps.len(), sweeps[0]["rdp"].clone(), coverage)
    };
    let all = world.history(&["sweeps"]).stdout;
    assert_eq!(sweeps(&world), sweeps(&undisturbed), "{all}");
    assert_eq!(world.complete(), "");
}

#[test]
fn never_two_at_once() {
    let world = World::new(22);
    world.settings("[limits]\nrate = 10");
    let first = world.spawn(&[]);
    world.server.wait_for(PATIENCE, |journal| journal.connections() > 0);
    let id = first.id();
    let other_name = world.folder.path("other.db");
    std::os::unix::fs::symlink("history.db", &other_name).unwrap();
    let prune = |history: &str| run(&["history", "--history", history, "prune", "--older-than", "1d"]);
    for ran in [world.sweep(&[]), prune(&world.folder.path("history.db")), prune(&other_name)] {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("rdprint: process {id} (rdprint sweep, since 20")), "{ran:?}");
        assert!(ran.stderr.contains("history.db.lock`; wait for its end, or stop it"), "{ran:?}");
    }
    // A lock lies beside a name, so a file may have but one.
    let second_name = world.folder.path("second.db");
    std::fs::hard_link(world.folder.path("history.db"), &second_name).unwrap();
    let settings = std::fs::read_to_string(world.folder.path("sweep.toml")).unwrap();
    world.folder.write("sweep.toml", &settings.replace("history.db", "second.db"));
    for ran in [world.sweep(&[]), world.sweep(&["--check"]), prune(&second_name)] {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("second.db` has 2 names (hard links); SQLite cannot keep one file"), "{ran:?}");
    }
    std::fs::remove_file(&second_name).unwrap();
    world.folder.write("sweep.toml", &settings);
    // Reading needs no lock.
    assert!(world.history(&["sweeps"]).stdout.contains("unfinished"));
    // If somebody removes the lock, the later run goes on, and the earlier one soon writes nothing more.
    std::fs::remove_file(world.folder.path("history.db.lock")).unwrap();
    let second = world.spawn(&[]);
    let overtaken = Ran::from(first.wait_with_output().unwrap());
    assert_eq!((overtaken.code, overtaken.stdout.as_str()), (Some(4), ""), "{overtaken:?}");
    assert!(overtaken.stderr.contains("another run has taken sweep 1 over"), "{overtaken:?}");
    let first = second;
    // The lock dies with its holder, even by kill -9.
    let mut first = first;
    first.kill().unwrap();
    first.wait().unwrap();
    world.settings("");
    assert_eq!(world.sweep(&[]).code, Some(0));
}

#[test]
fn no_host_is_asked_by_a_sweep_and_for_a_case_at_once() {
    let world = World::new(29);
    for last in 1..=20 {
        world.set(last, clone(last));
    }
    world.customers("NET.0/24,alice,,,,,\n");
    assert_eq!(world.sweep(&["--accept-losses"]).code, Some(0));
    assert_eq!(world.cases(&["list"]).stdout.lines().count(), 20);

    let begun = world.server.journal().connections();
    world.settings("[limits]\nrate = 2");
    let mut sweep = world.spawn(&[]);
    world.server.wait_for(PATIENCE, |journal| journal.connections() > begun);
    let held = world.cases(&["recheck", "--open"]);
    assert_eq!((held.code, held.stdout.as_str()), (Some(5), ""), "{held:?}");
    assert!(held.stderr.starts_with(&format!("rdprint: process {} (rdprint sweep, since 20", sweep.id())), "{held:?}");
    assert!(held.stderr.contains("nothing was sent. What a sweep sees counts for letters as well"), "{held:?}");
    assert!(sweep.try_wait().unwrap().is_none(), "the sweep went on all the while");
    assert_eq!(world.cases(&["list"]).stdout.lines().count(), 20, "what sends nothing needs no lock");
    sweep.kill().unwrap();
    sweep.wait().unwrap();

    let begun = world.server.settled(PATIENCE).connections();
    let (config, customers) = (world.folder.path("sweep.toml"), world.folder.path("customers.csv"));
    let mut recheck = spawn(&["cases", "--config", &config, "--customers", &customers, "recheck", "--open"]);
    world.server.wait_for(PATIENCE, |journal| journal.connections() > begun);
    for ran in [world.sweep(&[]), world.cases(&["recheck", "1"])] {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
        let holder = format!("rdprint: process {} (rdprint cases recheck, since 20", recheck.id());
        assert!(ran.stderr.starts_with(&holder), "{ran:?}");
    }
    assert!(recheck.try_wait().unwrap().is_none(), "the recheck went on all the while");
    recheck.kill().unwrap();
    recheck.wait().unwrap();
    // The sweep that was broken off goes on, and afterwards cases can be looked at.
    world.settings("");
    assert_eq!(world.sweep(&["--accept-losses"]).code, Some(0));
    assert_eq!(world.history(&["sweeps", "--json"]).stdout.lines().count(), 2);
    assert_eq!(world.cases(&["recheck", "--open"]).stdout.lines().count(), 20);
}

#[test]
fn excludes_hold_within_seconds_and_an_unreadable_list_stops_new_targets() {
    let world = World::new(23);
    world.settings("[limits]\nrate = 4\nmax_duration = \"60s\"");
    let mut sweep = world.spawn(&[]);
    let count = || world.server.journal().connections();
    world.server.wait_for(PATIENCE, |journal| journal.connections() >= 3);
    world.folder.write("exclude.txt", "127.67.23.0/300\n");
    std::thread::sleep(Duration::from_secs(3));
    let held = count();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(count(), held, "an invalid list stops new targets");
    assert!(sweep.try_wait().unwrap().is_none(), "and the sweep waits for it to be mended");
    world.folder.write("exclude.txt", "127.67.23.0/25\n");
    let ran = ended(sweep);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(count(), held, "everything that was left is excluded");
    let told: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        told[0].contains("no new target is taken until this is mended: ") && told[0].contains("exclude.txt:1: "),
        "{ran:?}"
    );
    assert!(told[1].contains("the excludes can be read again") && told.len() == 2, "{ran:?}");
}

#[test]
fn a_pipe_in_the_place_of_the_excludes_stops_new_targets_and_holds_nothing_up() {
    let world = World::new(43);
    world.settings("[limits]\nrate = 4\nmax_duration = \"8s\"");
    let sweep = world.spawn(&[]);
    let count = || world.server.journal().connections();
    world.server.wait_for(PATIENCE, |journal| journal.connections() >= 3);
    let path = world.folder.path("exclude.txt");
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    std::thread::sleep(Duration::from_secs(3));
    let held = count();
    let ran = ended(sweep);
    assert_eq!((ran.code, count()), (Some(6), held), "{ran:?}");
    let told =
        format!("no new target is taken until this is mended: `{path}` cannot be read: it is a pipe or a device");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    // Nor does it hold up whoever begins.
    let ran = world.sweep(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn a_time_limit_ends_with_6_and_the_next_run_goes_on() {
    let world = World::new(24);
    for last in 0..64 {
        world.set(last, plain(last));
    }
    world.settings("[limits]\nrate = 20\nper_network = 64\nmax_duration = \"1500ms\"");
    let first = world.sweep(&[]);
    assert_eq!((first.code, first.stdout.as_str()), (Some(6), ""), "{first:?}");
    assert!(
        first.stderr.contains("sweep 1 is not complete, its time is over; the next run goes on from there"),
        "{first:?}"
    );
    world.settings("[limits]\nper_network = 64");
    assert_eq!(world.sweep(&[]).code, Some(0));
    assert_eq!(world.server.settled(PATIENCE).connections(), 64, "each was asked once");
    assert_eq!(world.exported().len(), 64);
    // Outside its window a sweep sends nothing.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let at = |hours| now.checked_add(jiff::Span::new().hours(hours)).unwrap().strftime("%H:%M").to_string();
    world.settings(&format!("time_zone = \"UTC\"\nwindows = [\"{}-{}\"]", at(2), at(4)));
    let closed = world.sweep(&[]);
    assert!(closed.code == Some(6) && closed.stderr.contains("no window is open now"), "{closed:?}");
    world.settings(&format!("time_zone = \"UTC\"\nwindows = [\"{}-{}\"]", at(-1), at(1)));
    assert_eq!(world.sweep(&[]).code, Some(0));
}

#[test]
fn a_broken_line_is_not_taken_for_an_empty_network() {
    let world = World::new(25);
    world.settings("misses = 1\n[limits]\nrate = 100\nper_network = 64");
    for last in 0..64 {
        world.set(last, plain(last));
    }
    assert_eq!(world.sweep(&[]).code, Some(0));
    let hosts = std::mem::take(&mut *world.population.lock().unwrap());
    for _ in 0..2 {
        let broken = world.sweep(&[]);
        assert_eq!((broken.code, broken.stdout.as_str()), (Some(6), ""), "{broken:?}");
        assert!(
            broken
                .stderr
                .contains("sweep 2 was stopped: of 50 endpoints that answered in the last sweep only 0 answer now"),
            "{broken:?}"
        );
        assert!(broken.stderr.contains("--accept-losses"), "{broken:?}");
    }
    *world.population.lock().unwrap() = hosts;
    let mended = world.sweep(&[]);
    assert_eq!((mended.code, mended.stdout.as_str()), (Some(0), ""), "{mended:?}");
    assert_eq!(world.diff("1", "2"), []);
    assert_eq!(world.exported().len(), 64);
    // And if they are gone indeed, that can be said.
    world.population.lock().unwrap().clear();
    assert_eq!(world.sweep(&["--accept-losses"]).code, Some(0));
    assert_eq!(world.diff("2", "3").len(), 64);
}

#[test]
fn canaries_must_answer_before_and_during_a_sweep() {
    let world = World::new(26);
    let port = world.server.port();
    let other = std::net::TcpListener::bind("127.67.27.1:0").unwrap();
    let canary = other.local_addr().unwrap();
    let settings = |rate: u32| {
        world.settings(&format!(
            "misses = 1\ncanary = [\"{canary}\"]\ncanary_every = \"500ms\"\n[limits]\nrate = {rate}\nper_network = 64\n\
             step_timeout = \"2s\""
        ));
    };
    for last in 0..64 {
        world.set(last, plain(last));
    }
    settings(100);
    assert_eq!(world.sweep(&[]).code, Some(0));
    settings(2);
    let begun = world.server.journal().connections();
    let sweep = world.spawn(&[]);
    world.server.wait_for(PATIENCE, |journal| journal.connections() >= begun + 6);
    // The line breaks: canary and hosts are gone at once.
    drop(other);
    let hosts = std::mem::take(&mut *world.population.lock().unwrap());
    let start = Instant::now();
    let ran = ended(sweep);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""), "{ran:?}");
    assert!(ran.stderr.contains(&format!("sweep 2 was stopped: canary {canary} did not answer 3 times")), "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(60));
    let before = world.server.journal().connections();
    let still = world.sweep(&[]);
    assert!(still.code == Some(6) && still.stderr.contains("did not answer 3 times"), "{still:?}");
    assert_eq!(world.server.journal().connections(), before, "nothing is asked before the canaries answer");
    *world.population.lock().unwrap() = hosts;
    let _again = std::net::TcpListener::bind(canary).unwrap();
    settings(100);
    let mended = world.sweep(&[]);
    assert_eq!((mended.code, mended.stdout.as_str()), (Some(0), ""), "{mended:?}");
    assert_eq!(world.diff("1", "2"), [], "what was missed while the line was broken was asked again");
    assert_eq!((world.exported().len(), port), (64, world.server.port()));
}

#[test]
fn signals_end_a_sweep_in_good_order() {
    let world = World::new(28);
    world.settings("[limits]\nrate = 5");
    let sweep = world.spawn(&[]);
    world.server.wait_for(PATIENCE, |journal| journal.connections() >= 2);
    let id = sweep.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ran = ended(sweep);
    assert_eq!(ran.code, Some(143), "{ran:?}");
    world.settings("");
    assert_eq!(world.sweep(&[]).code, Some(0));
    assert_eq!(world.server.settled(PATIENCE).connections(), 64);
}
