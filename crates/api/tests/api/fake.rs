//! An engine that says what a test wants and remembers what it was asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use newel_asl::{Code, Diagnostic, Diagnostics, MachineType, Severity, Timestamp};
use newel_engine::request::{
    Activity, ActivityTask, Alias, AliasItem, Configuration, CreateActivity, CreateAlias, CreateStateMachine,
    CreatedStateMachine, EventBatch, Execution, ExecutionItem, GetActivityTask, GetHistory, ListExecutions,
    MapRun, MapRunCounts, MapRunItem, MapRunStatus, Page, PublishVersion, PublishedVersion, Redrivable,
    Route, StartExecution, StartedExecution, StateMachine, StateMachineItem, SyncExecution, Tag, Tenant,
    TestState, TestedState, TokenReport, UpdateAlias, UpdateMapRun, UpdateStateMachine, UpdatedStateMachine,
    ValidateDefinition,
};
use newel_engine::{
    Error, ErrorKind, Exchange, ExchangeRequest, ExchangeResponse, FamilyPresence, Pattern, Registration,
    Served, Workflows,
};
use newel_machine::{Detail, Event, EventId, Fault, Inspection, Stage, StateType, TestStatus};
use newel_store::ExecutionStatus;
use newel_value::{Payload, Str, Value};
use tokio::sync::mpsc;

pub(crate) const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
pub(crate) const VERSION: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m:1";
pub(crate) const ALIAS: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m:PROD";
/// Without its name.
pub(crate) const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:";
pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";
pub(crate) const MAP_RUN: &str = "arn:aws:states:us-east-1:000000000000:mapRun:m/l:r";
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
        map: None,
        configuration: Configuration {
            tracing: Some(Value::parse(r#"{"enabled":true}"#).unwrap()),
            ..Configuration::default()
        },
        description: None,
        variable_references: vec![("S".into(), vec!["x".into(), "y".into()])],
        withheld: None,
    }
}

fn activity(name: &str) -> Activity {
    Activity { arn: format!("{ACTIVITY}{name}").into(), name: name.into(), created_at: AT, encryption: None }
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

/// An exchange; without its response where secrets are told.
fn exchange(reveal_secrets: bool) -> Exchange {
    let response = ExchangeResponse {
        protocol: "https".into(),
        status_code: "404".into(),
        status_message: "Not Found".into(),
        headers: "[A: b]".into(),
        body: "{}".into(),
    };
    let request = ExchangeRequest {
        protocol: "https".into(),
        method: "GET".into(),
        url: if reveal_secrets { "https://h/?key=secret" } else { "https://h/" }.into(),
        headers: "[C: d]".into(),
        body: "".into(),
    };
    Exchange { request, response: (!reveal_secrets).then_some(response) }
}

/// A page of 1, 2, 3, cut at `limit`, after a cursor that is the last item.
fn page<T>(limit: usize, after: Option<&str>, item: impl Fn(u64) -> T) -> Page<T> {
    let after = after.map_or(0, |cursor| cursor.parse().unwrap());
    let items: Vec<_> = (after + 1..=3).take(limit).collect();
    let next = items.last().filter(|last| **last < 3).map(ToString::to_string);
    Page { items: items.into_iter().map(item).collect(), next }
}

/// A resource that a worker registered.
pub(crate) fn registration() -> Registration {
    Registration {
        service: "acme".into(),
        action: "render".into(),
        family: "acme".into(),
        patterns: vec![Pattern::RequestResponse, Pattern::Job(1), Pattern::Callback],
        schema: "{}".into(),
    }
}

#[async_trait::async_trait]
impl Workflows for Fake {
    fn served(&self) -> Served {
        let family = |family: &str, workers| FamilyPresence { family: family.into(), workers, queued: 3 };
        Served { families: vec![family("acme", 0), family("batch", 2)], registered: vec![registration()] }
    }

    async fn remove_registrations(
        &self,
        service: &str,
        action: Option<&str>,
    ) -> Result<Vec<Registration>, Error> {
        self.asked(format!("remove {service} {action:?}")).await?;
        Ok(vec![registration()])
    }

    async fn create_state_machine(&self, request: CreateStateMachine) -> Result<CreatedStateMachine, Error> {
        self.asked(format!("{request:?}")).await?;
        let version_arn = request.publish.then(|| VERSION.into());
        Ok(CreatedStateMachine { arn: MACHINE.into(), created_at: AT, version_arn })
    }

    async fn update_state_machine(&self, request: UpdateStateMachine) -> Result<UpdatedStateMachine, Error> {
        self.asked(format!("{request:?}")).await?;
        let version_arn = request.publish.then(|| VERSION.into());
        Ok(UpdatedStateMachine { updated_at: AT, revision_id: Some("r2".into()), version_arn })
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

    async fn publish_version(&self, request: PublishVersion) -> Result<PublishedVersion, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(PublishedVersion { arn: VERSION.into(), created_at: AT })
    }

    async fn list_versions(
        &self,
        tenant: &Tenant,
        state_machine_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<PublishedVersion>, Error> {
        self.asked(format!("versions {tenant:?} {state_machine_arn} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| PublishedVersion { arn: format!("{MACHINE}:{i}").into(), created_at: AT }))
    }

    async fn delete_version(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        self.asked(format!("delete version {tenant:?} {arn}")).await
    }

    async fn create_alias(&self, request: CreateAlias) -> Result<AliasItem, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(AliasItem { arn: ALIAS.into(), created_at: AT })
    }

    async fn update_alias(&self, request: UpdateAlias) -> Result<Timestamp, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(AT)
    }

    async fn describe_alias(&self, tenant: &Tenant, arn: &str) -> Result<Alias, Error> {
        self.asked(format!("describe alias {tenant:?} {arn}")).await?;
        Ok(Alias {
            arn: ALIAS.into(),
            name: "PROD".into(),
            description: None,
            routing: vec![Route { version_arn: VERSION.into(), weight: 100 }],
            created_at: AT,
            updated_at: AT,
        })
    }

    async fn delete_alias(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        self.asked(format!("delete alias {tenant:?} {arn}")).await
    }

    async fn list_aliases(
        &self,
        tenant: &Tenant,
        arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<AliasItem>, Error> {
        self.asked(format!("aliases {tenant:?} {arn} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| AliasItem { arn: format!("{MACHINE}:a{i}").into(), created_at: AT }))
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
        let told = newel_machine::TestedState {
            status: TestStatus::CaughtError,
            output: Some(payload("3")),
            fault: Fault { error: Some("E".into()), cause: Some("C".into()) },
            next: Some("N".into()),
            inspection,
        };
        Ok(TestedState { told, exchange: request.trace.map(|trace| exchange(trace.reveal_secrets)) })
    }

    async fn create_activity(&self, request: CreateActivity) -> Result<Activity, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(activity(&request.name))
    }

    async fn describe_activity(&self, tenant: &Tenant, arn: &str) -> Result<Activity, Error> {
        self.asked(format!("describe activity {tenant:?} {arn}")).await?;
        Ok(activity("a"))
    }

    async fn delete_activity(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        self.asked(format!("delete activity {tenant:?} {arn}")).await
    }

    async fn list_activities(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Activity>, Error> {
        self.asked(format!("activities {tenant:?} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| activity(&format!("a{i}"))))
    }

    async fn get_activity_task(&self, request: GetActivityTask) -> Result<Option<ActivityTask>, Error> {
        self.asked(format!("{request:?}")).await?;
        let input = Payload::parse("{ }").unwrap();
        Ok(request.worker_name.is_some().then(|| ActivityTask { token: "t".into(), input }))
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
            alias_arn: Some(ALIAS.into()),
            version_arn: Some(VERSION.into()),
            redrive_count: 0,
            redriven_at: None,
            map_run_arn: None,
            redrivable: Redrivable::No("Execution is SUCCEEDED and cannot be redriven".into()),
            withheld: None,
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

    async fn redrive_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        client_token: Option<Str>,
    ) -> Result<Timestamp, Error> {
        self.asked(format!("redrive {tenant:?} {arn} {client_token:?}")).await?;
        Ok(AT)
    }

    async fn list_executions(&self, request: ListExecutions) -> Result<Page<ExecutionItem>, Error> {
        self.asked(format!("{request:?}")).await?;
        Ok(page(request.limit, request.after.as_deref(), |i| ExecutionItem {
            arn: format!("{EXECUTION}{i}").into(),
            name: format!("e{i}").into(),
            state_machine_arn: MACHINE.into(),
            status: ExecutionStatus::Running,
            started_at: AT,
            stopped_at: None,
            alias_arn: (i == 1).then(|| ALIAS.into()),
            version_arn: (i == 1).then(|| VERSION.into()),
            redrive_count: 0,
            redriven_at: None,
            map_run_arn: None,
            item_count: None,
        }))
    }

    async fn describe_map_run(&self, tenant: &Tenant, arn: &str) -> Result<MapRun, Error> {
        self.asked(format!("describe map run {tenant:?} {arn}")).await?;
        Ok(MapRun {
            arn: MAP_RUN.into(),
            execution_arn: EXECUTION.into(),
            status: MapRunStatus::Running,
            started_at: AT,
            stopped_at: None,
            max_concurrency: 7,
            tolerated_failure_percentage: 2.5,
            tolerated_failure_count: 3,
            items: MapRunCounts { pending: 1, running: 2, total: 3, ..MapRunCounts::default() },
            executions: MapRunCounts::default(),
            redrive_count: 0,
            redriven_at: None,
        })
    }

    async fn list_map_runs(
        &self,
        tenant: &Tenant,
        execution_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<MapRunItem>, Error> {
        self.asked(format!("list map runs {tenant:?} {execution_arn} {limit} {after:?}")).await?;
        Ok(page(limit, after, |i| MapRunItem {
            execution_arn: EXECUTION.into(),
            arn: format!("{MAP_RUN}{i}").into(),
            state_machine_arn: format!("{MACHINE}/l").into(),
            started_at: AT,
            stopped_at: None,
        }))
    }

    async fn update_map_run(&self, tenant: &Tenant, arn: &str, update: UpdateMapRun) -> Result<(), Error> {
        self.asked(format!("update map run {tenant:?} {arn} {update:?}")).await
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
