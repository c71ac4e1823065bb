use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use super::*;

/// A real HTTP receiver: answers with these statuses in turn, the last one for ever, and keeps what it was sent.
struct Receiver {
    address: String,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    fn start(statuses: &[u16]) -> Self {
        Self::start_pointing(statuses, "/elsewhere")
    }

    /// What it does not take it says to be at `elsewhere`.
    fn start_pointing(statuses: &[u16], elsewhere: &str) -> Self {
        let elsewhere = elsewhere.to_owned();
        let listener = TcpListener::bind("127.67.39.1:0").unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let (got, statuses) = (Arc::new(Mutex::new(Vec::new())), statuses.to_vec());
        let kept = got.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let status = *statuses.get(number).or(statuses.last()).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut key, mut line) = (0, String::new(), String::new());
                while reader.read_line(&mut line).unwrap() > 0 && line != "\r\n" {
                    let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap(),
                        "idempotency-key" => value.trim().clone_into(&mut key),
                        _ => {}
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                if status == 200 {
                    kept.lock().unwrap().push((key, serde_json::from_slice(&body).unwrap()));
                }
                let location = if status == 200 { String::new() } else { format!("location: {elsewhere}\r\n") };
                write!(&stream, "HTTP/1.1 {status} X\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        Self { address, got }
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.got.lock().unwrap().clone()
    }
}

#[test]
fn alerts_reach_a_program_and_a_webhook_each_with_a_stable_identifier() {
    let world = World::new(30);
    let receiver = Receiver::start(&[200]);
    let log = world.folder.path("alerts.log");
    world.settings(&format!(
        "fail_on = \"criminal-image\"\n[alerts]\ncommand = [\"sh\", \"-c\", \"cat >> {log}\"]\nwebhook = \"{}\"",
        receiver.address
    ));
    world.set(1, plain(1));
    world.set(2, clone(2));
    world.set(3, named("WIN-LIVFRVQFMKO", 3));
    // Only the name is that of the image: a finding, but no alert.
    world.set(4, Host::windows("WIN-BUNS25TD77J", 20348).classic(false));
    let ran = world.sweep(&[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let posted = receiver.got();
    assert_eq!(posted.len(), 1, "{posted:?}");
    let (key, alert) = &posted[0];
    assert_eq!((alert["kind"].as_str(), alert["sweep"].as_i64()), (Some("new"), Some(1)));
    assert_eq!(alert["endpoint"], format!("127.67.30.2:{}", world.server.port()));
    assert_eq!(alert["after"]["verdict"]["fingerprint_id"], "redvds");
    assert!(alert["wording"].as_str().unwrap().contains("Please confirm who built the image"));
    assert_eq!(alert["alert_id"].as_str(), Some(key.as_str()));
    let written: Vec<Value> =
        std::fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((written.len(), &written[0]), (1, alert), "both ways carry the same");
    let again = world.sweep(&["--accept-losses"]);
    assert_eq!((again.code, again.stdout.as_str(), receiver.got().len()), (Some(0), "", 1), "{again:?}");
}

#[test]
fn after_a_restore_no_other_alert_has_the_identifier_of_one_that_was_sent() {
    let world = World::new(44);
    let receiver = Receiver::start(&[200]);
    world.settings(&format!("[alerts]\nwebhook = \"{}\"", receiver.address));
    world.set(1, plain(1));
    world.complete();
    let (history, copy) = (world.folder.path("history.db"), world.folder.path("copy.db"));
    assert_eq!(world.history(&["backup", &copy]).code, Some(0));
    world.set(2, clone(2));
    world.complete();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{history}{suffix}")).ok();
    }
    std::fs::copy(&copy, &history).unwrap();
    world.set(2, clone(3));
    world.complete();
    let got = receiver.got();
    let sweeps: Vec<i64> = got.iter().map(|(_, alert)| alert["sweep"].as_i64().unwrap()).collect();
    assert_eq!(sweeps, [2, 2]);
    assert_ne!(got[0].0, got[1].0, "a receiver would take the second for a repetition");
}

#[test]
fn a_webhook_that_is_down_gets_its_alerts_later_and_none_is_lost() {
    let world = World::new(31);
    world.set(1, clone(1));
    world.set(2, clone(2));
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.67.39.2:0").unwrap().local_addr().unwrap();
    world.settings(&format!("[alerts]\nwebhook = \"http://{nobody}/secret-token\"\ntries = 1"));
    let down = world.sweep(&[]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!(
        down.stderr
            .contains("2 alerts could not be delivered, and the next run tries again: 127.67.39.2 did not take it"),
        "{down:?}"
    );
    assert!(!down.stderr.contains("secret-token"), "{down:?}");
    let receiver = Receiver::start(&[500, 503, 200]);
    world.settings(&format!("[alerts]\nwebhook = \"{}\"\ntries = 6", receiver.address));
    std::thread::sleep(std::time::Duration::from_secs(2));
    let up = world.sweep(&["--accept-losses"]);
    assert_eq!((up.code, up.stdout.as_str(), up.stderr.as_str()), (Some(0), "", ""));
    let keys: BTreeSet<String> = receiver.got().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2);
    let sweeps: BTreeSet<i64> = receiver.got().iter().map(|(_, alert)| alert["sweep"].as_i64().unwrap()).collect();
    assert_eq!(sweeps, BTreeSet::from([1]), "what they tell is what the first sweep found");
}

#[test]
fn a_webhook_that_points_elsewhere_has_not_taken_the_alert_and_nobody_else_is_asked() {
    let world = World::new(36);
    world.set(1, clone(1));
    let elsewhere = TcpListener::bind("127.67.39.3:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other = format!("http://{}/", elsewhere.local_addr().unwrap());
    for status in [101, 301, 302, 303, 307, 308] {
        let receiver = Receiver::start_pointing(&[status], &other);
        world.settings(&format!("[alerts]\nwebhook = \"{}\"\ntries = 1\ntimeout = \"5s\"", receiver.address));
        std::fs::remove_file(world.folder.path("history.db")).ok();
        let ran = world.sweep(&[]);
        let message = "1 alerts could not be delivered, and the next run tries again: 127.67.39.1 did not take it: it \
                       answered ";
        assert!(ran.code == Some(0) && ran.stderr.contains(&format!("{message}{status}")), "{status}: {ran:?}");
        assert!(elsewhere.accept().is_err(), "{status}: somebody else was asked");
    }
}

#[test]
fn a_program_that_fails_or_hangs_is_tried_again() {
    let world = World::new(32);
    world.set(1, clone(1));
    let nonsense = world.folder.write("nonsense", "\u{1}");
    std::fs::set_permissions(nonsense, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (command, message) in [
        ("[\"sh\", \"-c\", \"exit 7\"]", "`sh` failed: exit status: 7"),
        ("[\"sleep\", \"60\"]", "`sleep` did not end within 1s and was stopped"),
        // It is there and may be executed, but is no program.
        (&format!("[\"{}\"]", world.folder.path("nonsense")), "nonsense` cannot be started"),
    ] {
        world.settings(&format!("[alerts]\ncommand = {command}\ntries = 1\ntimeout = \"1s\""));
        std::fs::remove_file(world.folder.path("history.db")).ok();
        let ran = world.sweep(&[]);
        assert!(ran.code == Some(0) && ran.stderr.contains(message), "{ran:?}");
    }
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let world = World::new(37);
    world.set(1, clone(1));
    let id = world.folder.path("id");
    world.settings(&format!(
        "[alerts]\ncommand = [\"sh\", \"-c\", \"sleep 60 & echo $! > {id}; wait\"]\ntries = 1\ntimeout = \"1s\""
    ));
    let begun = std::time::Instant::now();
    let ran = world.sweep(&[]);
    // What goes on would hold standard error open until its own end.
    assert!(begun.elapsed() < std::time::Duration::from_secs(45), "what it started goes on");
    assert!(ran.code == Some(0) && ran.stderr.contains("`sh` did not end within 1s and was stopped"), "{ran:?}");
    let status = format!("/proc/{}/status", std::fs::read_to_string(id).unwrap().trim());
    let has_ended =
        || std::fs::read_to_string(&status).map_or(true, |text| text.contains("State:\tZ") || !text.contains("sleep"));
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while !has_ended() {
        assert!(std::time::Instant::now() < deadline, "what it started goes on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn slow_receivers_do_not_hold_up_the_next_sweep() {
    let world = World::new(38);
    for last in 1..=6 {
        world.set(last, clone(last));
    }
    let log = world.folder.path("alerts.log");
    let command = format!("[alerts]\ncommand = [\"sh\", \"-c\", \"cat >> {log}; sleep 2\"]\ntimeout = \"30s\"");
    world.settings(&format!("{command}\nmax_duration = \"3s\""));
    let ran = world.sweep(&[]);
    let told =
        "rdprint: 4 alerts could not be delivered, and the next run tries again: `max_duration` of [alerts] is over\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), told), "{ran:?}");
    world.settings(&command.replace("; sleep 2", ""));
    assert_eq!(world.complete(), "");
    let ids: BTreeSet<String> = std::fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["alert_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 6, "each was told once");
}

#[test]
fn what_is_silenced_is_counted_and_its_end_announced() {
    let world = World::new(33);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| today.checked_add(jiff::Span::new().days(days)).unwrap().to_string();
    let rule = |expires: &str| {
        format!(
            "[[suppress]]\nprefix = \"127.67.33.0/28\"\nreason = \"our own lab\"\nauthor = \"ops\"\nexpires = \"{expires}\"\n"
        )
    };
    let receiver = Receiver::start(&[200]);
    world.settings(&format!("suppress = \"suppress.toml\"\n[alerts]\nwebhook = \"{}\"", receiver.address));
    world.folder.write("suppress.toml", &rule(&day(90)));
    world.set(1, clone(1));
    world.set(2, clone(2));
    assert_eq!(world.complete(), "");
    world.set(3, clone(3));
    world.set(40, clone(40));
    let news = world.complete();
    assert!(news.contains("held back by suppress.toml: 1\n"), "{news}");
    assert!(news.contains("127.67.33.40:") && !news.contains("127.67.33.3:"), "{news}");
    assert_eq!(receiver.got().len(), 1);
    let host = world.history(&["host", "127.67.33.3"]).stdout;
    assert!(host.contains("suppress.toml:1: our own lab (ops))"), "{host}");
    // A rule that is in its last week, or has ended, when a sweep first sees it is announced by that sweep.
    for (days, told) in [(2, "ends on {}; findings that it holds back: 3\n"), (-1, "ended on {}; findings")] {
        world.folder.write("suppress.toml", &rule(&day(days)));
        let told = format!("suppress.toml:1: \"our own lab\" (ops) {}", told.replace("{}", &day(days)));
        let check = world.sweep(&["--check"]);
        let begin = told.split(';').next().unwrap();
        assert!(check.stdout.lines().any(|line| line.starts_with("# ") && line.contains(begin)), "{check:?}");
        if days < 0 {
            world.set(5, clone(5));
        }
        let news = world.complete();
        assert!(news.contains(&told), "{news} lacks {told}");
        assert_eq!(news.contains("127.67.33.5:"), days < 0, "after its end it holds nothing back: {news}");
        assert_eq!(world.complete(), "", "each is announced once");
    }
}

#[test]
fn a_rule_for_a_customer_holds_back_what_was_seen_while_the_address_was_theirs() {
    let world = World::new(35);
    let receiver = Receiver::start(&[200]);
    world.settings(&format!(
        "misses = 1\nsuppress = \"suppress.toml\"\ncustomers = \"customers.csv\"\n[alerts]\nwebhook = \"{}\"",
        receiver.address
    ));
    world.folder.write(
        "suppress.toml",
        "[[suppress]]\ncustomer = \"C-1001\"\nreason = \"rebuilding\"\nauthor = \"ops\"\nexpires = \"2999-01-01\"\n",
    );
    world.customers("NET.0/24,C-1001,,,,,\nNET.32/27,C-1002,,,,,\n");
    for last in [2, 5, 40] {
        world.set(last, clone(last));
    }
    let news = world.complete();
    assert!(news.contains("held back by suppress.toml: 2\n") && news.contains("127.67.35.40:"), "{news}");
    assert!(!news.contains("127.67.35.2:") && !news.contains("127.67.35.5:"), "{news}");
    let host = world.history(&["host", "127.67.35.5"]).stdout;
    assert!(host.contains("suppress.toml:1: rebuilding (ops))"), "it is recorded all the same: {host}");

    // From the second after the last look on, the addresses are let to somebody else.
    let seen: jiff::Timestamp =
        world.exported().values().map(|record| record["seen_at"].as_str().unwrap().parse().unwrap()).max().unwrap();
    let relet = jiff::Timestamp::from_second(seen.as_second() + 1).unwrap();
    world.customers(&format!("NET.0/24,C-1001,,,,,{relet}\nNET.0/24,C-1003,,,,{relet},\nNET.32/27,C-1002,,,,,\n"));
    while jiff::Timestamp::now() < relet {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    world.set(2, clone(22));
    world.remove(5);
    let news = world.complete();
    assert!(news.contains("held back by suppress.toml: 1\n"), "what is gone was the old customer's: {news}");
    assert!(news.contains("changed   127.67.35.2:") && !news.contains("127.67.35.5:"), "{news}");
    let told: Vec<String> =
        receiver.got().iter().map(|(_, alert)| alert["endpoint"].as_str().unwrap().to_owned()).collect();
    let port = world.server.port();
    assert_eq!(told, [format!("127.67.35.40:{port}"), format!("127.67.35.2:{port}")]);
    assert!(receiver.got()[1].1["after"]["seen_at"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()));
}

#[test]
fn the_heartbeat_says_how_it_went() {
    let world = World::new(34);
    world.settings("heartbeat = \"beat.json\"");
    world.complete();
    let beat: Value = serde_json::from_str(&std::fs::read_to_string(world.folder.path("beat.json")).unwrap()).unwrap();
    assert_eq!((&beat["state"], &beat["sweep"], &beat["taken"]), (&"complete".into(), &1.into(), &64.into()));
    assert_eq!((&beat["planned"], &beat["probed"]), (&64.into(), &64.into()));
    world.folder.write("exclude.txt", &format!("127.67.{}.0/27\n", world.network));
    world.sweep(&["--accept-losses"]);
    let beat: Value = serde_json::from_str(&std::fs::read_to_string(world.folder.path("beat.json")).unwrap()).unwrap();
    assert_eq!((&beat["taken"], &beat["probed"]), (&64.into(), &32.into()), "what is excluded shows");
}
