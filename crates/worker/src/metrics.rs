//! What a worker counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

/// Instruments of the kit; a clone is a handle to the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    family: &'static str,
    reports: Counter<u64>,
    events: Counter<u64>,
    watched: Arc<AtomicI64>,
    sessions: Arc<AtomicI64>,
}

impl Metrics {
    pub(crate) fn new(family: &'static str) -> Self {
        let meter = global::meter("newel.worker");
        let level = |name: &'static str, description: &'static str| {
            let level = Arc::new(AtomicI64::new(0));
            let read = Arc::clone(&level);
            meter
                .i64_observable_gauge(name)
                .with_description(description)
                .with_callback(move |observer| {
                    observer.observe(read.load(Ordering::Relaxed), &[KeyValue::new("family", family)]);
                })
                .build();
            level
        };
        Self {
            family,
            reports: meter
                .u64_counter("newel.worker.reports")
                .with_description("Reports sent, by kind.")
                .build(),
            events: meter
                .u64_counter("newel.worker.events")
                .with_description("Messages of the queue of job events, by what became of them.")
                .build(),
            watched: level("newel.worker.jobs.watched", "Jobs under watch."),
            sessions: level("newel.worker.sessions", "Open sessions."),
        }
    }

    pub(crate) fn reported(&self, kind: &'static str) {
        self.reports.add(1, &[KeyValue::new("family", self.family), KeyValue::new("kind", kind)]);
    }

    pub(crate) fn event(&self, outcome: &'static str) {
        self.events.add(1, &[KeyValue::new("family", self.family), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn watched(&self, change: i64) {
        self.watched.fetch_add(change, Ordering::Relaxed);
    }

    pub(crate) fn sessions(&self, change: i64) {
        self.sessions.fetch_add(change, Ordering::Relaxed);
    }
}

/// Instruments of the AWS calls.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    calls: Counter<u64>,
    duration: Histogram<f64>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl CallMetrics {
    /// The instruments of this process.
    #[must_use]
    pub fn new() -> Self {
        let meter = global::meter("newel.worker");
        Self {
            calls: meter
                .u64_counter("newel.worker.aws.calls")
                .with_description("Calls to AWS, by service, operation and outcome.")
                .build(),
            duration: meter
                .f64_histogram("newel.worker.aws.call.duration")
                .with_unit("s")
                .with_description("Time from a call to its outcome, repetitions included.")
                .build(),
        }
    }

    /// Counts a call that took so long, repetitions included.
    pub fn called(&self, service: &str, operation: &str, outcome: &'static str, seconds: f64) {
        let labels = [("service", service), ("operation", operation)];
        let labels = labels.map(|(name, value)| KeyValue::new(name, value.to_owned()));
        self.duration.record(seconds, &labels);
        let [service, operation] = labels;
        self.calls.add(1, &[service, operation, KeyValue::new("outcome", outcome)]);
    }
}
