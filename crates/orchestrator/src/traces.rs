//! One trace an execution: a span for the execution, one for each state and iteration inside it, and one for each task
//! attempt, which the worker's spans are part of.
//!
//! The execution's id is the trace's id, so every process that touches the execution knows it. Spans are made when what
//! they tell of is over. What was entered before this process started is known to nobody here and gets no span; the
//! execution's own span is always made, because its beginning is in its record.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use newel_asl::Timestamp;
use newel_engine::attempt_span;
use newel_machine::{Detail, Event, Fault, Info};
use newel_runtime::telemetry::FinishedSpan;
use newel_store::Id;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use parking_lot::Mutex;

use crate::lineage::{Change, Lineage, Scope, Step};
use crate::observer::closed_as;

/// Events, over all open executions, that are remembered at once: about 32 MB. Executions that start beyond have a span
/// of their own and none for their states.
const MAX_EVENTS: usize = 1_000_000;

/// What is remembered of a state.
#[derive(Debug, Default)]
struct Note {
    began: Option<Timestamp>,
    /// How many attempts there were, and when the last one began if it isn't over.
    attempts: u32,
    attempt: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Open {
    executions: HashMap<Id, Lineage<Note>>,
    events: usize,
}

/// Makes spans of events.
pub(crate) struct Traces {
    export: Box<dyn Fn(FinishedSpan) + Send + Sync>,
    open: Mutex<Open>,
    untraced: Counter<u64>,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("open", &self.open.lock().executions.len()).finish_non_exhaustive()
    }
}

impl Traces {
    /// Traces that hand their spans to `export`, which must not block.
    pub(crate) fn new(export: impl Fn(FinishedSpan) + Send + Sync + 'static) -> Self {
        let untraced = opentelemetry::global::meter("newel.orchestrator")
            .u64_counter("newel.traces.untraced")
            .with_description("Executions whose states got no spans because too many were open.")
            .build();
        Self { export: Box::new(export), open: Mutex::default(), untraced }
    }

    pub(crate) fn committed(&self, info: &Info, execution: Id, events: &[Event]) {
        let mut finished = Vec::new();
        {
            let mut open = self.open.lock();
            if events.first().is_some_and(|event| event.id == 1) {
                if open.events < MAX_EVENTS {
                    open.executions.insert(execution, Lineage::new());
                } else {
                    self.untraced.add(1, &[]);
                }
            }
            if let Some(lineage) = open.executions.get_mut(&execution) {
                for event in events {
                    read(lineage, execution, event, &mut finished);
                }
                open.events += events.len();
            }
            if let Some(last) = events.last().filter(|event| event.detail.is_terminal()) {
                if let Some(mut lineage) = open.executions.remove(&execution) {
                    open.events = open.events.saturating_sub(lineage.events());
                    for scope in lineage.close() {
                        scope_ended(execution, &scope, last.timestamp, true, &mut finished);
                    }
                }
                finished.push(whole(info, execution, last));
            }
        }
        for span in finished {
            (self.export)(span);
        }
    }
}

fn read(lineage: &mut Lineage<Note>, execution: Id, event: &Event, finished: &mut Vec<FinishedSpan>) {
    match lineage.read(event.id, event.previous, step(&event.detail)) {
        Change::Entered(scope) => scope.note.began = Some(event.timestamp),
        Change::Left(scopes) => {
            for (i, scope) in scopes.iter().enumerate() {
                scope_ended(execution, scope, event.timestamp, i > 0, finished);
            }
        }
        Change::Within(scope) => match &event.detail {
            Detail::TaskScheduled { .. }
            | Detail::ActivityScheduled { .. }
            | Detail::LambdaFunctionScheduled { .. } => {
                scope.note.attempts += 1;
                scope.note.attempt = Some(event.timestamp);
            }
            Detail::TaskSucceeded { .. }
            | Detail::ActivitySucceeded { .. }
            | Detail::LambdaFunctionSucceeded { .. } => {
                attempt_ended(execution, scope, event.timestamp, None, finished);
            }
            Detail::TaskFailed { fault, .. }
            | Detail::TaskTimedOut { fault, .. }
            | Detail::TaskStartFailed { fault, .. }
            | Detail::TaskSubmitFailed { fault, .. }
            | Detail::ActivityScheduleFailed(fault)
            | Detail::ActivityFailed(fault)
            | Detail::ActivityTimedOut(fault)
            | Detail::LambdaFunctionScheduleFailed(fault)
            | Detail::LambdaFunctionStartFailed(fault)
            | Detail::LambdaFunctionFailed(fault)
            | Detail::LambdaFunctionTimedOut(fault) => {
                attempt_ended(execution, scope, event.timestamp, Some(error_of(fault)), finished);
            }
            _ => {}
        },
        Change::Outside => {}
    }
}

/// What an event means to the tree of states.
fn step(detail: &Detail) -> Step<'_> {
    match detail {
        Detail::StateEntered { name, .. } => Step::Enter(name, None),
        Detail::StateExited { name, .. } => Step::Leave(name, None),
        Detail::MapIterationStarted(iteration) => Step::Enter(&iteration.name, Some(iteration.index)),
        Detail::MapIterationSucceeded(iteration)
        | Detail::MapIterationFailed(iteration)
        | Detail::MapIterationAborted(iteration) => Step::Leave(&iteration.name, Some(iteration.index)),
        _ => Step::Within,
    }
}

/// The span of a state or iteration that is over, and of the attempt that was under way in it.
fn scope_ended(
    execution: Id,
    scope: &Scope<Note>,
    end: Timestamp,
    cut_off: bool,
    finished: &mut Vec<FinishedSpan>,
) {
    let Some(began) = scope.note.began else { return };
    if let Some(attempt) = scope.note.attempt {
        finished.push(attempt_span_of(execution, scope, attempt, end, Some("the state ended".to_owned())));
    }
    let name = match scope.index {
        Some(index) => format!("{}[{index}]", scope.name),
        None => scope.name.clone(),
    };
    let parent =
        if scope.parent == 0 { execution_span(execution) } else { state_span(execution, scope.parent) };
    finished.push(FinishedSpan {
        trace: execution.0,
        id: state_span(execution, scope.entry),
        parent: Some(parent),
        name: name.into(),
        start: time(began),
        end: time(end),
        attributes: vec![KeyValue::new("newel.state.name", scope.name.clone())],
        error: cut_off.then(|| "ended by the state or execution around it".to_owned()),
    });
}

fn attempt_ended(
    execution: Id,
    scope: &mut Scope<Note>,
    end: Timestamp,
    error: Option<String>,
    finished: &mut Vec<FinishedSpan>,
) {
    if let Some(began) = scope.note.attempt.take() {
        finished.push(attempt_span_of(execution, scope, began, end, error));
    }
}

fn attempt_span_of(
    execution: Id,
    scope: &Scope<Note>,
    began: Timestamp,
    end: Timestamp,
    error: Option<String>,
) -> FinishedSpan {
    // Attempts count from 0.
    let attempt = scope.note.attempts.saturating_sub(1);
    FinishedSpan {
        trace: execution.0,
        id: attempt_span(execution, scope.entry, attempt),
        parent: Some(state_span(execution, scope.entry)),
        name: format!("attempt {}", attempt + 1).into(),
        start: time(began),
        end: time(end),
        attributes: Vec::new(),
        error,
    }
}

/// The span of the whole execution.
fn whole(info: &Info, execution: Id, last: &Event) -> FinishedSpan {
    let text = |key: &'static str, value: &str| KeyValue::new(key, value.to_owned());
    let status = closed_as(&last.detail).unwrap_or_default();
    let error = match &last.detail {
        Detail::ExecutionFailed(fault)
        | Detail::ExecutionAborted(fault)
        | Detail::ExecutionTimedOut(fault) => Some(error_of(fault)),
        _ => None,
    };
    FinishedSpan {
        trace: execution.0,
        id: execution_span(execution),
        parent: None,
        name: info.machine_name.to_string().into(),
        start: time(info.started_at),
        end: time(last.timestamp),
        attributes: vec![
            text("newel.execution.arn", &info.arn),
            text("newel.state_machine.arn", &info.machine_arn),
            KeyValue::new("newel.execution.status", status),
        ],
        error,
    }
}

/// The error's name: causes may quote payloads.
fn error_of(fault: &Fault) -> String {
    fault.error.as_deref().unwrap_or("no error name").to_owned()
}

/// The id's second half, which is random.
fn execution_span(execution: Id) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&execution.0[8..]);
    id
}

/// Differs from the execution's and from state to state: entries count from 2.
fn state_span(execution: Id, entry: u64) -> [u8; 8] {
    let random = u64::from_be_bytes(execution_span(execution));
    (random ^ entry.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes()
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use newel_machine::{StateType, TaskResource};
    use newel_value::{Payload, Value};

    use super::*;

    fn payload() -> Payload {
        Payload::from(Value::empty_object())
    }

    fn event(id: u64, previous: u64, detail: Detail) -> Event {
        Event { id, previous, timestamp: Timestamp::from_millis(i64::try_from(id).unwrap() * 1_000), detail }
    }

    fn started() -> Detail {
        Detail::ExecutionStarted {
            input: payload(),
            role_arn: "arn:role".into(),
            alias_arn: None,
            version_arn: None,
        }
    }

    fn entered(name: &str, state_type: StateType) -> Detail {
        Detail::StateEntered { state_type, name: name.into(), input: payload() }
    }

    fn scheduled() -> Detail {
        Detail::TaskScheduled {
            task: TaskResource { resource_type: "batch".into(), action: "submitJob".into() },
            region: "us-east-1".into(),
            parameters: payload(),
            timeout_seconds: None,
            heartbeat_seconds: None,
            role_arn: None,
        }
    }

    /// The spans of an execution whose history is this.
    fn spans(turns: &[&[Event]]) -> (Id, Vec<FinishedSpan>) {
        let made = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&made);
        let traces = Traces::new(move |span| sink.lock().push(span));
        let execution = Id([5; 16]);
        let info = Info {
            arn: "arn:execution".into(),
            name: "e".into(),
            machine_arn: "arn:machine".into(),
            machine_name: "machine".into(),
            role_arn: "arn:role".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            started_at: Timestamp::from_millis(1_000),
            input: payload(),
            alias_arn: None,
            version_arn: None,
        };
        for events in turns {
            traces.committed(&info, execution, events);
        }
        assert!(traces.open.lock().executions.is_empty(), "a closed execution is forgotten");
        assert_eq!(traces.open.lock().events, 0);
        let made = made.lock().clone();
        (execution, made)
    }

    #[test]
    fn a_span_for_the_execution_its_states_and_their_attempts() {
        let fault = Fault { error: Some("E".into()), cause: Some("secret".into()) };
        let resource = TaskResource { resource_type: "batch".into(), action: "submitJob".into() };
        let (execution, spans) = spans(&[
            &[
                event(1, 0, started()),
                event(2, 0, entered("Both", StateType::Parallel)),
                event(3, 2, Detail::ParallelStarted),
                event(4, 3, entered("Run", StateType::Task)),
                event(5, 4, scheduled()),
                event(6, 3, entered("Rest", StateType::Wait)),
            ],
            &[
                event(7, 5, Detail::TaskFailed { task: resource, fault: fault.clone() }),
                event(8, 7, scheduled()),
            ],
            &[event(9, 8, Detail::ExecutionFailed(fault))],
        ]);
        let told: Vec<(&str, Option<&str>)> =
            spans.iter().map(|span| (&*span.name, span.error.as_deref())).collect();
        let cut_off = Some("ended by the state or execution around it");
        let expect = [
            ("attempt 1", Some("E")),
            ("Both", cut_off),
            ("attempt 2", Some("the state ended")),
            ("Run", cut_off),
            ("Rest", cut_off),
            ("machine", Some("E")),
        ];
        assert_eq!(told, expect);
        let by_name = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (root, both, run) = (by_name("machine"), by_name("Both"), by_name("Run"));
        assert_eq!((root.parent, both.parent, run.parent), (None, Some(root.id), Some(both.id)));
        for (name, attempt) in [("attempt 1", 0), ("attempt 2", 1)] {
            assert_eq!(by_name(name).parent, Some(run.id));
            assert_eq!(by_name(name).id, attempt_span(execution, 4, attempt), "the one its worker was told");
        }
        assert!(spans.iter().all(|span| span.trace == execution.0 && span.start <= span.end));
        assert!(!format!("{spans:?}").contains("secret"));
    }

    #[test]
    fn an_execution_that_was_open_before_has_its_own_span() {
        let (_, spans) = spans(&[&[
            event(
                7,
                6,
                Detail::StateExited {
                    state_type: StateType::Wait,
                    name: "Unseen".into(),
                    output: payload(),
                    assigned: Vec::new(),
                },
            ),
            event(8, 7, Detail::ExecutionSucceeded { output: payload() }),
        ]]);
        assert_eq!(spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["machine"]);
    }
}
