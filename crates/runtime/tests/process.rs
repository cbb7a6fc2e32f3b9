//! What can only be seen from outside a process: its death by signal and by fail point.
//!
//! Each test runs this very binary again with `NEWEL_TEST_ROLE` set; the test [`role`] then plays that part.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const ROLE: &str = "NEWEL_TEST_ROLE";

/// Not a test of its own: what the child processes of the others run.
#[test]
fn role() {
    match std::env::var(ROLE).as_deref() {
        Ok("stops-on-signal") => stops_on_signal(),
        #[cfg(feature = "failpoints")]
        Ok("passes-points") => passes_points(),
        _ => {}
    }
}

fn stops_on_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let shutdown = newel_runtime::Shutdown::on_signals().unwrap();
        println!("said ready");
        shutdown.requested().await;
        println!("said draining");
        std::future::pending::<()>().await;
    });
}

#[cfg(feature = "failpoints")]
fn passes_points() {
    for pass in 1..=5 {
        newel_runtime::failpoint::hit("test.point");
        newel_runtime::failpoint::hit("test.unarmed");
        println!("said {pass}");
    }
}

fn start(role: &str, variables: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the child says, line by line, without what the test harness says around it.
fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("said ")?.1.to_owned()))
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    let mut child = start("stops-on-signal", &[]);
    let pid = Pid::from_child(&child);
    let mut said = said(&mut child);
    assert_eq!(said.next().as_deref(), Some("ready"));
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(said.next().as_deref(), Some("draining"));
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_nth_hit_kills() {
        let mut child = start("passes-points", &[("NEWEL_FAILPOINTS", "test.point=kill@3")]);
        assert_eq!(said(&mut child).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn the_nth_hit_waits_for_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("go");
        let reached = directory.path().join("go.reached");
        let armed = format!("test.point=pause@2:{}", file.display());
        let mut child = start("passes-points", &[("NEWEL_FAILPOINTS", &armed)]);
        let mut said = said(&mut child);
        assert_eq!(said.next().as_deref(), Some("1"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !reached.exists() {
            assert!(Instant::now() < deadline, "the point was not reached");
            std::thread::yield_now();
        }
        assert!(child.try_wait().unwrap().is_none());
        std::fs::write(&file, "").unwrap();
        assert_eq!(said.collect::<Vec<_>>(), ["2", "3", "4", "5"]);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_specification_that_cannot_be_read_ends_the_process() {
        let mut child = start("passes-points", &[("NEWEL_FAILPOINTS", "test.point=explode")]);
        assert_eq!(child.wait().unwrap().code(), Some(2));
    }
}
