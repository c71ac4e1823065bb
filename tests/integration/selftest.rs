//! The self-test as an operator runs it; what makes it fail is tested beside its code.

use std::process::Command;
use std::time::{Duration, Instant};

use expect_test::expect_file;

use crate::support::{Ran, rdprint, run};

#[test]
fn a_planted_clone_is_found_and_an_honest_host_is_not() {
    let start = Instant::now();
    let ran = run(&["selftest"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{ran:?}");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    expect_file!["golden/selftest.txt"].assert_eq(&ran.stdout);
}

#[test]
fn what_could_not_be_tested_has_not_passed() {
    // So few files that the runtime starts but no dialogue can be led; what a parent may have left open is closed.
    let limited = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 10 && exec \"$0\" selftest";
    let program = rdprint(&[]).get_program().to_owned();
    let ran = Ran::from(Command::new("sh").args(["-c", limited]).arg(program).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(4), "", 1), "{ran:?}");
    assert!(ran.stderr.starts_with("rdprint: the self-test failed: "), "{ran:?}");
}
