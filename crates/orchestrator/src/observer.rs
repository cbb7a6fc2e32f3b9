//! What is counted and traced of executions.

use std::sync::Arc;

use newel_engine::{Committed, Observer as EngineObserver};
use newel_machine::Detail;
use newel_nested::Nested;
use newel_runtime::telemetry::Spans;
use newel_sinks::{Events, Logs};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::traces::Traces;

/// Counts what becomes durable, traces it where traces are exported, and tells those who wait for children and the
/// sinks of logs and events.
#[derive(Debug)]
pub(crate) struct Observer {
    started: Counter<u64>,
    closed: Counter<u64>,
    events: Counter<u64>,
    traces: Option<Traces>,
    nested: Arc<Nested>,
    logs: Logs,
    statuses: Events,
}

impl Observer {
    pub(crate) fn new(spans: Option<Spans>, nested: Arc<Nested>, logs: Logs, statuses: Events) -> Self {
        let meter = global::meter("newel.orchestrator");
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            started: counter("newel.executions.started", "Executions that started."),
            closed: counter("newel.executions.closed", "Executions that closed, by status."),
            events: counter("newel.history.events", "History events that became durable."),
            traces: spans.map(|spans| Traces::new(move |span| spans.export(span))),
            nested,
            logs,
            statuses,
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
        self.logs.committed(turn);
        self.statuses.committed(turn);
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
