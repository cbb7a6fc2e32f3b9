//! What is counted and traced of executions.

use std::sync::Arc;

use newel_engine::{Committed, Observer as EngineObserver};
use newel_machine::{Detail, Info};
use newel_nested::Nested;
use newel_runtime::telemetry::Spans;
use newel_sinks::{Events, Logs, Metrics};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::traces::Traces;

/// Counts what becomes durable, traces it where traces are exported, and tells those who wait for children and the
/// sinks of logs, events and metrics.
#[derive(Debug)]
pub(crate) struct Observer {
    started: Counter<u64>,
    closed: Counter<u64>,
    events: Counter<u64>,
    throttled: Counter<u64>,
    traces: Option<Traces>,
    nested: Arc<Nested>,
    told: Told,
}

/// What tells the outside of executions.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) logs: Logs,
    pub(crate) statuses: Events,
    pub(crate) metrics: Metrics,
}

impl Observer {
    pub(crate) fn new(spans: Option<Spans>, nested: Arc<Nested>, told: Told) -> Self {
        let meter = global::meter("newel.orchestrator");
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            started: counter("newel.executions.started", "Executions that started."),
            closed: counter("newel.executions.closed", "Executions that closed, by status."),
            events: counter("newel.history.events", "History events that became durable."),
            throttled: counter(
                "newel.executions.throttled",
                "State transitions that had to wait for their rate.",
            ),
            traces: spans.map(|spans| Traces::new(move |span| spans.export(span))),
            nested,
            told,
        }
    }
}

impl EngineObserver for Observer {
    fn committed(&self, turn: &Committed<'_>) {
        let Committed { info, execution, events, .. } = *turn;
        self.events.add(u64::try_from(events.len()).unwrap_or(u64::MAX), &[]);
        for event in events {
            if matches!(event.detail, Detail::ExecutionStarted { .. }) {
                self.started.add(1, &[]);
            } else if let Some(status) = closed_as(&event.detail) {
                self.closed.add(1, &[KeyValue::new("status", status)]);
            }
        }
        if let Some(traces) = &self.traces {
            traces.committed(info, execution, events);
        }
        self.nested.committed(info, events);
        self.told.logs.committed(turn);
        self.told.statuses.committed(turn);
        self.told.metrics.committed(turn);
    }

    fn throttled(&self, info: &Info) {
        self.throttled.add(1, &[]);
        self.told.metrics.throttled(info);
    }
}

/// The status that an event closes its execution with.
pub(crate) const fn closed_as(detail: &Detail) -> Option<&'static str> {
    match detail {
        Detail::ExecutionSucceeded { .. } => Some("SUCCEEDED"),
        Detail::ExecutionFailed(_) => Some("FAILED"),
        Detail::ExecutionAborted(_) => Some("ABORTED"),
        Detail::ExecutionTimedOut(_) => Some("TIMED_OUT"),
        _ => None,
    }
}
