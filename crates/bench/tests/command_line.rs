//! The command line of `newel-bench`, as a person meets it. Cargo makes a package's programs for its integration tests, so
//! this file is also why `make test` has the loader that tests of `tests/e2e` start.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_newel-bench")).args(arguments).output().expect("the program starts")
}

#[test]
fn a_scenario_that_is_none_is_answered_with_those_there_are() {
    let output = bench(&["marathon"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for scenario in ["pass", "express", "maprun", "s3csv"] {
        assert!(said.contains(scenario), "{scenario} isn't offered: {said}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named_with_the_way_out() {
    let output = bench(&["pass", "--newel", "/nowhere/newel"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("/nowhere/newel isn't there: build it or name it with --newel"), "{said}");
}
