//! Large executions take time in proportion, and limits can be raised.

use std::time::Instant;

use newel_asl::Limits;
use newel_machine::{Detail, Input, Outcome};

use crate::driver::{Cut, Driver};

fn raised() -> Limits {
    Limits { payload_bytes: 64 << 20, history_events: 1_000_000, ..Limits::default() }
}

/// Runs an inline Map over so many items, and says how long it took.
fn map_of(items: usize) -> f64 {
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true}}}"#;
    let input = format!("[{}]", vec!["{\"n\":1}"; items].join(","));
    let mut driver = Driver::new(definition, &input, raised(), Cut::Whole);
    let began = Instant::now();
    driver.give(Input::Start);
    let took = began.elapsed().as_secs_f64();
    assert!(matches!(&driver.execution.outcome, Some(Outcome::Succeeded(output)) if output.text() == input));
    assert_eq!(driver.events.len(), 4 * items + 6);
    took
}

#[test]
fn a_map_of_ten_thousand_items_takes_time_in_proportion() {
    map_of(100);
    let (small, large) = (map_of(1_000), map_of(10_000));
    // Ten times the items; a machine that is busy with other things may take some more.
    assert!(large < small.max(0.01) * 40.0, "1,000 items took {small} s, 10,000 took {large} s");
}

#[test]
fn failing_one_of_ten_thousand_waiting_iterations_takes_time_in_proportion() {
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Task","Resource":"arn:aws:states:::t:do","End":true}}},"End":true}}}"#;
    let input = format!("[{}]", vec!["1"; 10_000].join(","));
    let limits = Limits { inline_map_concurrency: 10_000, ..raised() };
    let mut driver = Driver::new(definition, &input, limits, Cut::Whole);
    driver.give(Input::Start);
    let task = driver.open[5_000].task.clone();
    let began = Instant::now();
    let fault = newel_machine::Fault { error: Some("E".into()), cause: None };
    driver.give(Input::Task(task, newel_machine::TaskReport::Failed(fault)));
    assert!(began.elapsed().as_secs() < 20);
    let aborted = driver.events.iter().filter(|e| matches!(e.detail, Detail::MapIterationAborted(_))).count();
    assert_eq!(aborted, 9_999);
}

#[test]
fn raised_limits_hold_four_mebibytes_and_a_hundred_thousand_events() {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)","big.$":"$.big"},"Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":25000,"Next":"A"}],"Default":"C"},"C":{"Type":"Succeed"}}}"#;
    let limits = Limits { payload_bytes: 5 << 20, history_events: 200_000, ..Limits::default() };
    let mut driver = Driver::new(definition, r#"{"n":0,"big":"small"}"#, limits.clone(), Cut::Whole);
    driver.give(Input::Start);
    assert_eq!(driver.events.len(), 4 * 25_000 + 4);

    let big = format!(r#"{{"n":24999,"big":"{}"}}"#, "x".repeat(4 << 20));
    let mut driver = Driver::new(definition, &big, limits, Cut::Whole);
    driver.give(Input::Start);
    assert!(matches!(driver.execution.outcome, Some(Outcome::Succeeded(_))));
}
