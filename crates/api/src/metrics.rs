//! What the API counts. Labels are operations and outcomes, never who or what.

use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

/// The instruments of both doors.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    calls: Counter<u64>,
    duration: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("newel.api");
        Self {
            calls: meter
                .u64_counter("newel.api.calls")
                .with_description("Calls by door, operation and outcome.")
                .build(),
            duration: meter
                .f64_histogram("newel.api.call.duration")
                .with_unit("s")
                .with_description("Time from a call's headers to its answer.")
                .build(),
        }
    }

    /// Counts a call that is answered; `outcome` is `ok` or the exception's name.
    pub(crate) fn call(
        &self,
        door: &'static str,
        operation: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let (door, operation) = (KeyValue::new("door", door), KeyValue::new("operation", operation));
        self.duration.record(took.as_secs_f64(), &[door.clone(), operation.clone()]);
        self.calls.add(1, &[door, operation, KeyValue::new("outcome", outcome)]);
    }
}
