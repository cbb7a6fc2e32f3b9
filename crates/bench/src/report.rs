//! What is printed: Markdown, so that it can be put in a page as it is.

use std::time::Duration;

use crate::Setup;
use crate::load::Outcome;

/// What the figures were taken on.
pub(crate) fn machine(setup: &Setup) {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let profile = if cfg!(debug_assertions) { "a debug profile" } else { "the release profile" };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!(
        "{cores} cores shared by server and loader, load {load} at the start, newel-bench built with {profile}, \
         {} connections, data in {}",
        setup.connections,
        setup.data_dir.display()
    );
}

/// A scenario's heading.
pub(crate) fn heading(text: &str) {
    println!("\n### {text}\n");
}

/// Newel beside the empty server.
pub(crate) fn beside(newel: &Outcome, empty: &Outcome) {
    println!("| | a second | p50 | p99 | server CPU each |");
    println!("|---|---|---|---|---|");
    for (name, outcome) in [("Newel, executions", newel), ("empty axum handler, requests", empty)] {
        let (p50, p99) = (millis(outcome.latencies.at(0.5)), millis(outcome.latencies.at(0.99)));
        println!("| {name} | {:.0} | {p50} | {p99} | {:.0} µs |", outcome.per_second(), outcome.cpu_micros());
    }
    println!(
        "| ratio | 1 : {:.1} | | | {:.1} : 1 |",
        empty.per_second() / newel.per_second(),
        newel.cpu_micros() / empty.cpu_micros().max(f64::MIN_POSITIVE)
    );
    println!();
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
