//! Calls to AWS that no execution asked for, carried out by a worker.
//!
//! The orchestrator links no AWS service, so what it has to tell AWS goes the way of an AWS SDK integration: an order for the
//! family `sdk`, whose attempt is nobody's. Its frame is one that no execution has, which is how the order is told apart when
//! its report comes, or when a worker that held it comes back. Orders are kept in memory: a call that is under way when the
//! process ends is lost, and what a worker still says of it is stale.
//!
//! `events:putEvents` of the family `messaging` would not do: it adds an execution's ARNs to every entry, and says of ten entries
//! only that some failed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use newel_asl::Timestamp;
use newel_engine::{
    Dispatch, DispatchKind, Dispatcher, Exchange, Registration, Report, Settled, TaskEngine, TaskId,
};
use newel_value::{Payload, Str};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The worker family that calls any action of any service.
const FAMILY: &str = "sdk";
/// The frame of an order that is no execution's: frames of executions are empty or begin with a slash.
const FRAME: &str = "delivery";
/// How long a call may wait for a worker and take. What is told late is of little use, and keeps what is newer waiting.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much longer the worker's own word on a call that took too long is waited for.
const LAST_WORD: Duration = Duration::from_secs(5);
/// Tries of a call that may succeed later.
const ATTEMPTS: u32 = 6;
/// The wait after the first failure; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Under whose rights a call is made, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The account, 12 digits.
    pub(crate) account: Str,
    /// The region.
    pub(crate) region: Str,
    /// The state machine's role, where the call is made on its behalf: assumed if the worker assumes those.
    pub(crate) machine_role: Str,
    /// A role that is assumed for the call.
    pub(crate) role: Option<Str>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub(crate) struct Failed {
    /// The error's name, as a Task would fail with it.
    pub(crate) error: String,
    /// Its cause.
    pub(crate) cause: String,
}

/// What is said of calls that aren't allowed, by AWS and by the worker.
const DENIALS: [&str; 3] = [
    "is not authorized to ",
    "security token included in the request is invalid",
    "is not allowed for account",
];

impl Failed {
    fn new(error: &str, cause: &str) -> Self {
        Self { error: error.to_owned(), cause: cause.to_owned() }
    }

    /// Whether the error is one of the service's by that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.error.split('.').nth(1) == Some(name)
    }

    /// Whether the same call may succeed later: not what the service refuses for what it says.
    pub(crate) fn is_passing(&self) -> bool {
        const LASTING: [&str; 9] = [
            "AccessDenied",
            "InvalidParameter",
            "InvalidOperation",
            "NotFound",
            "Runtime",
            "UnrecognizedClient",
            "Validation",
            "ResourceAlreadyExists",
            "MissingRequiredParameter",
        ];
        let name = self.error.split('.').nth(1).unwrap_or_default();
        !LASTING.iter().any(|lasting| name.starts_with(lasting) || name.contains("NotFound"))
            // It has waited for a worker for as long as anything waits.
            && self.error != "States.Timeout"
            // What a service's model doesn't know has the base exception, and so have roles: the cause tells.
            && !DENIALS.iter().any(|said| self.cause.contains(said))
    }

    /// Whether the call may have been carried out although there is no answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.is("SdkClientException")
            || self.error == "States.Timeout"
            || self.cause.contains("Status Code: 5")
    }
}

#[derive(Debug)]
struct Open {
    order: Arc<Dispatch>,
    answer: oneshot::Sender<Result<Payload, Failed>>,
}

/// Makes calls to AWS through workers.
pub struct Deliveries {
    dispatcher: Arc<dyn Dispatcher>,
    open: Mutex<HashMap<TaskId, Open>>,
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("open", &self.open.lock().len()).finish_non_exhaustive()
    }
}

impl Deliveries {
    /// Deliveries through a dispatcher, whose engine has to be [`Self::beside`] its own.
    #[must_use]
    pub fn new(dispatcher: Arc<dyn Dispatcher>) -> Arc<Self> {
        Arc::new(Self { dispatcher, open: Mutex::default() })
    }

    /// What the dispatcher is to take for the engine: deliveries are settled here, all else there.
    #[must_use]
    pub fn beside(self: &Arc<Self>, engine: Arc<dyn TaskEngine>) -> Arc<dyn TaskEngine> {
        Arc::new(Beside { deliveries: Arc::clone(self), engine })
    }

    /// Makes a call: `action` is `cloudwatchlogs:putLogEvents`, `parameters` as an AWS SDK integration takes them.
    ///
    /// # Errors
    /// The service refused, no worker took it in time, or the call came to no answer.
    pub(crate) async fn call(
        &self,
        place: &Place,
        action: &str,
        parameters: String,
    ) -> Result<Payload, Failed> {
        let order = Arc::new(order(place, action, parameters));
        let (answer, answered) = oneshot::channel();
        self.open.lock().insert(order.task.clone(), Open { order: Arc::clone(&order), answer });
        // Whoever waits may be dropped: then nothing is open any more either.
        let _closing = Closing { deliveries: self, task: &order.task };
        self.dispatcher.dispatch(vec![Arc::clone(&order)]);
        match timeout(PATIENCE + LAST_WORD, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failed::new("States.TaskFailed", "the call was cancelled")),
            Err(_) => {
                Err(Failed::new("States.Timeout", "no worker of the family sdk has made the call in time"))
            }
        }
    }

    /// As [`Self::call`], again and again while that may help and `repeat` agrees.
    ///
    /// # Errors
    /// The last one.
    pub(crate) async fn call_until_made(
        &self,
        place: &Place,
        action: &str,
        parameters: &str,
        repeat: impl Fn(&Failed) -> bool,
    ) -> Result<Payload, Failed> {
        let mut wait = FIRST_WAIT;
        let mut left = ATTEMPTS;
        loop {
            let failed = match self.call(place, action, parameters.to_owned()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            left -= 1;
            if left == 0 || !failed.is_passing() || !repeat(&failed) {
                return Err(failed);
            }
            // Up to a quarter more, so that what failed together doesn't come back together.
            tokio::time::sleep(wait.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
            wait *= 2;
        }
    }

    fn order(&self, task: &TaskId) -> Option<Arc<Dispatch>> {
        self.open.lock().get(task).map(|open| Arc::clone(&open.order))
    }

    fn settle(&self, task: &TaskId, report: Report) -> Settled {
        let result = match report {
            // The call is under way; its answer is yet to come.
            Report::Submitted { .. } | Report::Heartbeat => return Settled::Durable,
            Report::Succeeded(output) => Ok(output),
            Report::Failed { error, cause } => Err(Failed::new(&error, &cause)),
            Report::Cancelled => Err(Failed::new("States.TaskFailed", "the call was cancelled")),
        };
        let Some(open) = self.open.lock().remove(task) else { return Settled::Stale };
        // Whoever asked may have given up.
        let _gone = open.answer.send(result);
        Settled::Durable
    }
}

/// Lets an order go when nobody waits for it any more.
struct Closing<'a> {
    deliveries: &'a Deliveries,
    task: &'a TaskId,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if self.deliveries.open.lock().remove(self.task).is_some() {
            self.deliveries.dispatcher.forget(std::slice::from_ref(self.task));
        }
    }
}

fn order(place: &Place, action: &str, parameters: String) -> Dispatch {
    let id = fastrand::u128(..);
    let now = now();
    let service = action.split(':').next().unwrap_or_default();
    Dispatch {
        task: TaskId::from_parts(id.to_be_bytes(), FRAME.into(), 0, 0),
        kind: DispatchKind::Submit,
        family: FAMILY.into(),
        resource: format!("arn:aws:states:::aws-sdk:{action}").into(),
        account: Arc::clone(&place.account),
        region: Arc::clone(&place.region),
        // The last part names the session of a role that is assumed.
        execution_arn: format!("newel:delivery:{service}").into(),
        state_machine_arn: "".into(),
        state_name: "".into(),
        machine_role_arn: Arc::clone(&place.machine_role),
        task_role_arn: place.role.clone(),
        parameters: Some(Payload::from_checked_text(parameters)),
        submit_token: uuid::Builder::from_custom_bytes(id.to_be_bytes())
            .into_uuid()
            .hyphenated()
            .to_string()
            .into(),
        external_ref: None,
        deadline: Some(now.plus_millis(i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX))),
        heartbeat_seconds: None,
        traceparent: None,
        scheduled_at: now,
        submitted_at: None,
        token: None,
        mocked: None,
        trace: None,
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The engine with deliveries beside it.
#[derive(Debug)]
struct Beside {
    deliveries: Arc<Deliveries>,
    engine: Arc<dyn TaskEngine>,
}

fn is_delivery(task: &TaskId) -> bool {
    &*task.frame == FRAME
}

#[async_trait]
impl TaskEngine for Beside {
    async fn report(&self, task: TaskId, report: Report) -> Result<Settled, newel_engine::Error> {
        if is_delivery(&task) {
            return Ok(self.deliveries.settle(&task, report));
        }
        self.engine.report(task, report).await
    }

    fn exchanged(&self, task: &TaskId, exchange: Exchange) {
        if !is_delivery(task) {
            self.engine.exchanged(task, exchange);
        }
    }

    async fn dispatch_body(
        &self,
        task: &TaskId,
        kind: DispatchKind,
    ) -> Result<Option<Arc<Dispatch>>, newel_engine::Error> {
        if is_delivery(task) {
            return Ok(self.deliveries.order(task));
        }
        self.engine.dispatch_body(task, kind).await
    }

    async fn family(&self, task: &TaskId) -> Result<Option<Str>, newel_engine::Error> {
        if is_delivery(task) {
            return Ok(self.deliveries.order(task).map(|order| Arc::clone(&order.family)));
        }
        self.engine.family(task).await
    }

    async fn register(&self, registrations: Vec<Registration>) -> Result<(), newel_engine::Error> {
        self.engine.register(registrations).await
    }

    fn is_registered(&self, family: &str) -> bool {
        self.engine.is_registered(family)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use newel_value::Value;

    use super::*;

    type Script = dyn Fn(&str, &Value) -> Result<String, (&'static str, &'static str)> + Send + Sync;

    /// Answers every order at once, by a script.
    pub(crate) struct Scripted {
        answer: Box<Script>,
        deliveries: std::sync::OnceLock<std::sync::Weak<Deliveries>>,
        pub(crate) calls: Mutex<Vec<(String, Value)>>,
    }

    impl fmt::Debug for Scripted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Scripted")
        }
    }

    impl Dispatcher for Scripted {
        fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
            let deliveries = self.deliveries.get().and_then(std::sync::Weak::upgrade).unwrap();
            for order in dispatches {
                let action = order.resource.strip_prefix("arn:aws:states:::aws-sdk:").unwrap();
                let parameters = order.parameters.as_ref().unwrap().value().clone();
                let report = match (self.answer)(action, &parameters) {
                    Ok(text) => Report::Succeeded(Payload::parse(text).unwrap()),
                    Err((error, cause)) => Report::Failed { error: error.into(), cause: cause.into() },
                };
                self.calls.lock().push((action.to_owned(), parameters));
                assert_eq!(deliveries.settle(&order.task, report), Settled::Durable);
            }
        }

        fn forget(&self, _: &[TaskId]) {}
    }

    /// Deliveries that a script answers, and what they were asked.
    pub(crate) fn scripted(
        answer: impl Fn(&str, &Value) -> Result<String, (&'static str, &'static str)> + Send + Sync + 'static,
    ) -> (Arc<Deliveries>, Arc<Scripted>) {
        let script = Arc::new(Scripted {
            answer: Box::new(answer),
            deliveries: std::sync::OnceLock::new(),
            calls: Mutex::default(),
        });
        let deliveries = Deliveries::new(Arc::clone(&script) as Arc<dyn Dispatcher>);
        script.deliveries.set(Arc::downgrade(&deliveries)).unwrap();
        (deliveries, script)
    }

    pub(crate) fn place() -> Place {
        Place { account: "1".into(), region: "r".into(), machine_role: "".into(), role: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_what_lasts_is_not() {
        for (error, cause, tries) in [
            ("CloudWatchLogs.ThrottlingException", "slow", 6),
            ("CloudWatchLogs.SdkClientException", "gone", 6),
            ("CloudWatchLogs.ResourceNotFoundException", "no group", 1),
            (
                "CloudWatch.CloudWatchException",
                "User: u is not authorized to perform: cloudwatch:PutMetricData",
                1,
            ),
            ("States.Runtime", "nonsense", 1),
        ] {
            let (deliveries, script) = scripted(move |_, _| Err((error, cause)));
            let failed = deliveries.call_until_made(&place(), "a:b", "{}", |_| true).await;
            assert_eq!(failed, Err(Failed::new(error, cause)));
            assert_eq!(script.calls.lock().len(), tries, "{error}");
        }
    }

    /// Takes orders and never answers.
    #[derive(Debug, Default)]
    struct Silent(Mutex<Vec<TaskId>>, Mutex<Vec<TaskId>>);

    impl Dispatcher for Silent {
        fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
            self.0.lock().extend(dispatches.iter().map(|order| order.task.clone()));
        }

        fn forget(&self, tasks: &[TaskId]) {
            self.1.lock().extend_from_slice(tasks);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_no_worker_makes_is_let_go() {
        let silent = Arc::new(Silent::default());
        let deliveries = Deliveries::new(Arc::clone(&silent) as Arc<dyn Dispatcher>);
        let failed = deliveries.call(&place(), "a:b", "{}".to_owned()).await.unwrap_err();
        assert_eq!(failed.error, "States.Timeout");
        let asked = silent.0.lock().clone();
        assert_eq!((asked.len(), &asked), (1, &*silent.1.lock()));
        assert_eq!(
            deliveries.settle(&asked[0], Report::Cancelled),
            Settled::Stale,
            "it was the worker's late word"
        );
    }
}
