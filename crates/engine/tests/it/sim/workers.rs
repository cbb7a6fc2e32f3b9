//! Scripted workers and the dispatcher in front of them. The dispatcher dies with its engine; workers, their jobs and the
//! reports they still owe do not. They lose, repeat, delay and reorder as a seed says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use newel_engine::request::TokenReport;
use newel_engine::{
    Dispatch, DispatchKind, Dispatcher, Engine, ErrorKind, Report, Settled, TaskEngine as _, TaskId,
    Workflows as _,
};
use newel_store::{MemoryStore, Store as _};
use newel_value::Payload;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::support::{Life, json, tenant};

/// The engine that is up, if one is. Those who wait for one get it in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Up {
    engine: Mutex<Option<(Engine, Arc<Life>)>>,
    changed: Notify,
}

impl Up {
    pub(crate) fn set(&self, engine: Option<(Engine, Arc<Life>)>) {
        *self.engine.lock() = engine;
        self.changed.notify_waiters();
    }

    /// The engine that is up, once one is.
    pub(crate) async fn engine(&self) -> (Engine, Arc<Life>) {
        loop {
            let changed = self.changed.notified();
            if let Some(up) = self.engine.lock().clone() {
                return up;
            }
            changed.await;
        }
    }
}

/// A job in the "service".
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) starts: u32,
    pub(crate) ended: bool,
    pub(crate) cancelled: bool,
    order: Arc<Dispatch>,
}

/// What all workers know, and what was seen of the engine.
#[derive(Debug)]
pub(crate) struct Workers {
    state: Mutex<State>,
    up: Arc<Up>,
    store: Arc<MemoryStore>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    jobs: BTreeMap<TaskId, Job>,
    /// The kinds of order given for each attempt, in order.
    orders: BTreeMap<TaskId, Vec<DispatchKind>>,
    violations: Vec<String>,
}

/// The dispatcher of one life.
#[derive(Debug)]
pub(crate) struct Dispatching {
    life: Arc<Life>,
    workers: Arc<Workers>,
    /// Which order is the latest for each attempt that hasn't been let go.
    latest: Arc<Mutex<BTreeMap<TaskId, u64>>>,
}

impl Dispatching {
    pub(crate) fn new(life: Arc<Life>, workers: Arc<Workers>) -> Self {
        Self { life, workers, latest: Arc::default() }
    }
}

impl Dispatcher for Dispatching {
    fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
        for order in dispatches {
            self.workers.see(&order);
            let ticket = {
                let mut latest = self.latest.lock();
                let ticket = latest.entry(order.task.clone()).or_default();
                *ticket += 1;
                *ticket
            };
            let (life, workers, latest) =
                (Arc::clone(&self.life), Arc::clone(&self.workers), Arc::clone(&self.latest));
            tokio::spawn(async move {
                workers.pause(0..300).await;
                let current = latest.lock().get(&order.task) == Some(&ticket);
                if !life.is_over() && current {
                    workers.carry_out(order).await;
                }
            });
        }
    }

    fn forget(&self, tasks: &[TaskId]) {
        let mut latest = self.latest.lock();
        for task in tasks {
            latest.remove(task);
        }
    }
}

impl Workers {
    pub(crate) fn new(seed: u64, up: Arc<Up>, store: Arc<MemoryStore>) -> Arc<Self> {
        let random = fastrand::Rng::with_seed(seed);
        let state = State { random, jobs: BTreeMap::new(), orders: BTreeMap::new(), violations: Vec::new() };
        Arc::new(Self { state: Mutex::new(state), up, store })
    }

    pub(crate) fn jobs(&self) -> BTreeMap<TaskId, Job> {
        self.state.lock().jobs.clone()
    }

    pub(crate) fn orders(&self) -> BTreeMap<TaskId, Vec<DispatchKind>> {
        self.state.lock().orders.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state.lock().violations.clone()
    }

    fn violated(&self, what: String) {
        self.state.lock().violations.push(what);
    }

    fn chance(&self, odds: f64) -> bool {
        self.state.lock().random.f64() < odds
    }

    async fn pause(&self, millis: std::ops::Range<u64>) {
        let millis = self.state.lock().random.u64(millis);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Notes an order, and checks that it stands in the store at this moment.
    fn see(&self, order: &Dispatch) {
        let task = &order.task;
        self.state.lock().orders.entry(task.clone()).or_default().push(order.kind);
        let mut key = task.execution.0.to_vec();
        key.extend_from_slice(&task.entry.to_be_bytes());
        key.extend_from_slice(&task.attempt.to_be_bytes());
        key.extend_from_slice(task.frame.as_bytes());
        let row = self.store.outbox_row(task.execution.shard(), &key.into()).now_or_never();
        let stands = matches!(row, Some(Ok(Some(_))));
        // What a worker said of a cancel settles it beside the execution's turns.
        if !stands && order.kind != DispatchKind::Cancel {
            self.violated(format!(
                "SIM-5: {:?} of {task} went out without standing in the outbox",
                order.kind
            ));
        }
    }

    async fn carry_out(self: Arc<Self>, order: Arc<Dispatch>) {
        match order.kind {
            DispatchKind::Submit if self.chance(0.1) => self.session_lost(order, false).await,
            DispatchKind::Submit if self.chance(0.1) => self.session_lost(order, true).await,
            DispatchKind::Submit | DispatchKind::Reconcile => {
                self.begin(&order);
                self.report_start(&order).await;
            }
            DispatchKind::Watch => self.report_end(&order).await,
            DispatchKind::Cancel => {
                if let Some(job) = self.state.lock().jobs.get_mut(&order.task) {
                    job.cancelled = true;
                }
                self.report(&order.task, Report::Cancelled).await;
            }
        }
    }

    /// Starts the job unless the marker shows that it is there.
    fn begin(&self, order: &Arc<Dispatch>) {
        let mut state = self.state.lock();
        let reconciled = order.kind == DispatchKind::Reconcile;
        match state.jobs.get_mut(&order.task) {
            Some(_) if reconciled => {}
            Some(job) => job.starts += 1,
            None => {
                let job = Job { starts: 1, ended: false, cancelled: false, order: Arc::clone(order) };
                state.jobs.insert(order.task.clone(), job);
            }
        }
    }

    /// The worker dies with a submission, before or after it reached the service, and another one reconciles.
    async fn session_lost(self: &Arc<Self>, order: Arc<Dispatch>, accepted: bool) {
        if accepted {
            self.begin(&order);
        }
        self.pause(0..2_000).await;
        loop {
            let (engine, life) = self.up.engine().await;
            match life.run(engine.dispatch_body(&order.task, DispatchKind::Reconcile)).await {
                Some(Ok(None)) => return,
                Some(Ok(Some(order))) => {
                    self.begin(&order);
                    return self.report_start(&order).await;
                }
                Some(Err(error)) if error.kind != ErrorKind::Unavailable => {
                    return self.violated(format!("SIM-0: dispatch_body: {error}"));
                }
                Some(Err(_)) | None => self.pause(10..500).await,
            }
        }
    }

    async fn report_start(self: &Arc<Self>, order: &Dispatch) {
        self.pause(0..100).await;
        let parameters = order.parameters.clone().unwrap_or_default();
        let n = parameters.value().get("n").and_then(newel_value::Value::as_i64).unwrap_or(-1);
        let task = &order.task;
        match parameters.value().get("do").and_then(newel_value::Value::as_str) {
            Some("flaky") if i64::from(task.attempt) < n => {
                let failed = Report::Failed { error: "Flaky".into(), cause: "by the script".into() };
                self.report(task, failed).await;
            }
            Some("flaky") => self.report(task, Report::Succeeded(done(n))).await,
            Some("job" | "hang") => {
                let reference = order.submit_token.clone();
                let submitted = Report::Submitted { external_ref: reference, output: json(r#"{"id":"j"}"#) };
                self.report(task, submitted).await;
            }
            Some("token") => {
                let submitted = Report::Submitted { external_ref: "".into(), output: json("{}") };
                let token =
                    parameters.value().get("token").and_then(newel_value::Value::as_str).unwrap_or("");
                let telling = Arc::clone(self).tell(token.to_owned(), n);
                tokio::spawn(telling);
                self.report(task, submitted).await;
            }
            other => self.violated(format!("SIM-0: unknown parameters {other:?}")),
        }
    }

    /// The job ends, if its script lets it.
    async fn report_end(self: &Arc<Self>, order: &Arc<Dispatch>) {
        let job = self.state.lock().jobs.get(&order.task).cloned();
        let Some(job) = job else {
            return self.violated(format!("SIM-5: a watch of {} without a job", order.task));
        };
        if order.external_ref.as_ref() != Some(&job.order.submit_token) {
            return self.violated(format!("SIM-5: a watch of {} names another job", order.task));
        }
        let parameters = job.order.parameters.clone().unwrap_or_default();
        if parameters.value().get("do").and_then(newel_value::Value::as_str) == Some("hang") {
            return;
        }
        self.pause(0..5_000).await;
        if let Some(job) = self.state.lock().jobs.get_mut(&order.task) {
            job.ended = true;
        }
        let n = parameters.value().get("n").and_then(newel_value::Value::as_i64).unwrap_or(-1);
        self.report(&order.task, Report::Succeeded(done(n))).await;
    }

    /// Repeats a report until it is acknowledged, and sometimes after that; also reports what is stale.
    async fn report(self: &Arc<Self>, task: &TaskId, report: Report) {
        if self.chance(0.1) {
            let stale = TaskId { attempt: task.attempt + 7, ..task.clone() };
            let settled = self.report_until_settled(&stale, &report).await;
            if settled != Some(Settled::Stale) {
                self.violated(format!("SIM-0: a report on an attempt that never was is {settled:?}"));
            }
        }
        if self.chance(0.1) {
            let (workers, task, report) = (Arc::clone(self), task.clone(), report.clone());
            tokio::spawn(async move {
                workers.pause(0..3_000).await;
                workers.report_until_settled(&task, &report).await;
            });
        }
        self.report_until_settled(task, &report).await;
    }

    async fn report_until_settled(&self, task: &TaskId, report: &Report) -> Option<Settled> {
        loop {
            let (engine, life) = self.up.engine().await;
            match life.run(engine.report(task.clone(), report.clone())).await {
                Some(Ok(settled)) => return Some(settled),
                Some(Err(error)) if error.kind != ErrorKind::Unavailable => {
                    self.violated(format!("SIM-0: report: {error}"));
                    return None;
                }
                Some(Err(_)) | None => self.pause(10..500).await,
            }
        }
    }

    /// Somebody outside answers with a task token, twice at times: the first answer wins.
    async fn tell(self: Arc<Self>, token: String, n: i64) {
        self.pause(0..10_000).await;
        let told = json(&format!(r#"{{"told":{n}}}"#));
        let twice = self.chance(0.3);
        let known = self.send(&token, told).await;
        if twice && known && self.send(&token, json(r#""second""#)).await {
            self.violated("SIM-0: a used token was taken again".to_owned());
        }
    }

    /// Whether the token was taken.
    async fn send(&self, token: &str, output: Payload) -> bool {
        loop {
            let (engine, life) = self.up.engine().await;
            let report = TokenReport::Success(output.clone());
            match life.run(engine.send_task(&tenant(), token, report)).await {
                Some(Ok(())) => return true,
                Some(Err(error)) if error.kind == ErrorKind::TaskTimedOut => return false,
                Some(Err(error)) if error.kind != ErrorKind::Unavailable => {
                    self.violated(format!("SIM-0: send_task: {error}"));
                    return false;
                }
                Some(Err(_)) | None => self.pause(10..500).await,
            }
        }
    }
}

fn done(n: i64) -> Payload {
    json(&format!(r#"{{"done":{n}}}"#))
}
