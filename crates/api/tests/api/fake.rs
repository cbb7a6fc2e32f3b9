//! An engine that says what a test wants and remembers what it was asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use newel_asl::{Code, Diagnostic, Diagnostics, MachineType, Severity, Timestamp};
use newel_engine::request::{
    Configuration, CreateStateMachine, CreatedStateMachine, EventBatch, Execution, ExecutionItem, GetHistory,
    Page, StartExecution, StartedExecution, StateMachine, StateMachineItem, SyncExecution, Tag, Tenant,
    TestState, TestedState, TokenReport, UpdateStateMachine, UpdatedStateMachine, ValidateDefinition,
};
use newel_engine::{Error, ErrorKind, Workflows};
use newel_machine::{Detail, Event, EventId, Fault, Inspection, Stage, StateType, TestStatus};
use newel_store::ExecutionStatus;
use newel_value::{Payload, Str, Value};
use tokio::sync::mpsc;

pub(crate) const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";
pub(crate) const AT: Timestamp = Timestamp::from_millis(1_700_000_000_250);

#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// What every call is refused with, if anything.
    refusal: Mutex<Option<Error>>,
    /// `Debug` of every call.
    calls: Mutex<Vec<String>>,
    not_ready: AtomicBool,
    /// What `send_task` and the like never answer.
    pub(crate) hangs: AtomicBool,
}

impl Fake {
    pub(crate) fn refuse(&self, kind: ErrorKind, message: &str) {
        *self.refusal.lock().unwrap() = Some(Error::new(kind, message));
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.not_ready.store(!ready, Ordering::SeqCst);
    }

    pub(crate) fn last_call(&self) -> String {
        self.calls.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    async fn asked(&self, call: String) -> Result<(), Error> {
        self.calls.lock().unwrap().push(call);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn machine() -> StateMachine {
    StateMachine {
        arn: MACHINE.into(),
        name: "m".into(),
        definition: "{}".into(),
        role_arn: "role".into(),
        machine_type: MachineType::Standard,
        deleting: false,
        created_at: AT,
        updated_at: AT,
        revision_id: None,
        configuration: Configuration {
            tracing: Some(Value::parse(r#"{"enabled":true}"#).unwrap()),
            ..Configuration::default()
        },
    }
}

fn event(id: EventId) -> Event {
    let detail = match id {
        1 => Detail::ExecutionStarted {
            input: Payload::parse("{ }").unwrap(),
            role_arn: "role".into(),
            alias_arn: None,
            version_arn: None,
        },
        2 => Detail::StateEntered {
            state_type: StateType::Pass,
            name: "P".into(),
            input: Payload::parse("{ }").unwrap(),
        },
        _ => Detail::ExecutionSucceeded { output: Payload::parse("1").unwrap() },
    };
    Event { id, previous: id.saturating_sub(2), timestamp: AT, detail }
}

/// A page of 1, 2, 3, cut at `limit`, after a cursor that is the last item.
fn page<T>(limit: usize, after: Option<&str>, item: impl Fn(u64) -> T) -> Page<T> {
    let after = after.map_or(0, |cursor| cursor.parse().unwrap());
    let items: Vec<_> = (after + 1..=3).take(limit).collect();
    let next = items.last().filter(|last| **last < 3).map(ToString::to_string);
    Page { items: items.into_iter().map(item).collect(), next }
}

#[async_trait::async_trait]
impl Workflows for Fake {
    async fn create_state_machine(&self, request: CreateStateMachine) -> Result<CreatedStateMachine, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(CreatedStateMachine { arn: MACHINE.into(), created_at: AT })
    }

    async fn update_state_machine(&self, request: UpdateStateMachine) -> Result<UpdatedStateMachine, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(UpdatedStateMachine { updated_at: AT, revision_id: "r2".into() })
    }

    async fn describe_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<StateMachine, Error> {
        self.asked(format!("describe {tenant:?} {arn}")).await?;
        Ok(machine())
    }

    async fn delete_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        self.asked(format!("delete {tenant:?} {arn}")).await
    }

    async fn list_state_machines(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StateMachineItem>, Error> {
        self.asked(format!("list {tenant:?} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| StateMachineItem {
            arn: format!("{MACHINE}{i}").into(),
            name: format!("m{i}").into(),
            machine_type: MachineType::Express,
            created_at: AT,
        }))
    }

    async fn validate_definition(&self, request: ValidateDefinition) -> Result<Diagnostics, Error> {
        self.asked(format!("{request:?}")).await?;
        let mut found = Diagnostics::default();
        for (severity, code, location) in [
            (Severity::Warning, Code::NoDollar, Some("/States/A".to_owned())),
            (Severity::Error, Code::MissingEndState, None),
            (Severity::Error, Code::SchemaValidationFailed, Some("/".to_owned())),
        ] {
            found.push(Diagnostic { severity, code, message: "what".to_owned(), location });
        }
        Ok(found)
    }

    async fn test_state(&self, request: TestState) -> Result<TestedState, Error> {
        self.asked(format!("{request:?}")).await?;
        let payload = |text: &str| Payload::parse(text).unwrap();
        let inspection = Inspection {
            input: request.input,
            stages: [(Stage::AfterInputPath, payload("[ 1 ]")), (Stage::Result, payload("2"))].into(),
            variables: Some(payload(r#"{"x":1}"#)),
            max_concurrency: Some(0),
            tolerated_failure_count: None,
            tolerated_failure_percentage: Some(12.5),
            catch_index: Some(0),
            retry_index: Some(1),
            retry_backoff_seconds: None,
        };
        Ok(TestedState {
            status: TestStatus::CaughtError,
            output: Some(payload("3")),
            fault: Fault { error: Some("E".into()), cause: Some("C".into()) },
            next: Some("N".into()),
            inspection,
        })
    }

    async fn start_execution(&self, request: StartExecution) -> Result<StartedExecution, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(StartedExecution { arn: EXECUTION.into(), started_at: AT })
    }

    async fn start_sync_execution(&self, request: StartExecution) -> Result<SyncExecution, Error> {
        self.asked(format!("sync {request:?}")).await?;
        Ok(SyncExecution {
            arn: format!("{}:run", EXECUTION.replace(":execution:", ":express:")).into(),
            name: "e".into(),
            state_machine_arn: MACHINE.into(),
            started_at: AT,
            stopped_at: AT.plus_millis(5),
            status: ExecutionStatus::Succeeded,
            input: request.input,
            output: Some(Payload::parse("[1]").unwrap()),
            fault: Fault::default(),
            trace_header: request.trace_header,
            billed_millis: 100,
            billed_megabytes: 64,
        })
    }

    async fn describe_execution(&self, tenant: &Tenant, arn: &str) -> Result<Execution, Error> {
        self.asked(format!("describe {tenant:?} {arn}")).await?;
        Ok(Execution {
            arn: EXECUTION.into(),
            name: "e".into(),
            state_machine_arn: MACHINE.into(),
            status: ExecutionStatus::Succeeded,
            started_at: AT,
            stopped_at: Some(AT),
            input: Payload::parse("{ }").unwrap(),
            output: Some(Payload::parse("1").unwrap()),
            fault: Fault::default(),
            trace_header: None,
        })
    }

    async fn describe_state_machine_for_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
    ) -> Result<StateMachine, Error> {
        self.asked(format!("machine of {tenant:?} {arn}")).await?;
        Ok(StateMachine { revision_id: Some("r1".into()), ..machine() })
    }

    async fn stop_execution(&self, tenant: &Tenant, arn: &str, fault: Fault) -> Result<Timestamp, Error> {
        self.asked(format!("stop {tenant:?} {arn} {fault:?}")).await?;
        Ok(AT)
    }

    async fn list_executions(
        &self,
        tenant: &Tenant,
        state_machine_arn: &str,
        status: Option<ExecutionStatus>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<ExecutionItem>, Error> {
        self.asked(format!("list {tenant:?} {state_machine_arn} {status:?} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| ExecutionItem {
            arn: format!("{EXECUTION}{i}").into(),
            name: format!("e{i}").into(),
            state_machine_arn: MACHINE.into(),
            status: ExecutionStatus::Running,
            started_at: AT,
            stopped_at: None,
        }))
    }

    async fn get_history(&self, request: GetHistory) -> Result<Page<Event>, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(page(request.limit, request.after.as_deref(), event))
    }

    async fn watch_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        after: EventId,
    ) -> Result<mpsc::Receiver<Result<EventBatch, Error>>, Error> {
        self.asked(format!("watch {tenant:?} {arn} {after}")).await?;
        let (sender, receiver) = mpsc::channel(4);
        for id in after + 1..=3 {
            let batch = EventBatch { events: Arc::new(vec![event(id)]), closed: id == 3 };
            sender.send(Ok(batch)).await.unwrap();
        }
        Ok(receiver)
    }

    async fn send_task(&self, tenant: &Tenant, token: &str, report: TokenReport) -> Result<(), Error> {
        self.asked(format!("send {tenant:?} {token} {report:?}")).await
    }

    async fn tags(&self, tenant: &Tenant, arn: &str) -> Result<Vec<Tag>, Error> {
        self.asked(format!("tags {tenant:?} {arn}")).await?;
        Ok(vec![Tag { key: "k".into(), value: "v".into() }])
    }

    async fn tag(&self, tenant: &Tenant, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        self.asked(format!("tag {tenant:?} {arn} {tags:?}")).await
    }

    async fn untag(&self, tenant: &Tenant, arn: &str, keys: Vec<Str>) -> Result<(), Error> {
        self.asked(format!("untag {tenant:?} {arn} {keys:?}")).await
    }

    fn ready(&self) -> bool {
        !self.not_ready.load(Ordering::SeqCst)
    }
}
