//! An [`Adapter`] made of an integration's table and its typed SDK crate.
//!
//! The tables of `newel_integrations` say what is called with what, and what answers mean; a family's crate adds how its
//! SDK makes a call ([`Service`]) and, where the service has no idempotency token, how a marked job is found.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_config::SdkConfig;
use newel_integrations::descriptor::{Family, Idempotency, Verdict};
use newel_integrations::{HttpAnswer, Integration, Integrations, JobRef, TaskFailure, WireRequest};
use newel_value::{Payload, Value};
use tracing::Instrument as _;

use crate::adapter::{Adapter, CallFailure, Failure, JobState, Reconciled, Started, Submission, WatchKey};
use crate::attempt::{Attempt, ExternalRef, Identity};
use crate::aws::{Access, Aws, CallError, RawExchange};
use crate::backoff::Backoff;
use crate::metrics::CallMetrics;
use crate::options::Options;

/// Pages of one listing that are read at most.
const MAX_PAGES: usize = 10;
/// Jobs that a listing didn't show and that are asked for one by one in the same round.
const MAX_SINGLE: usize = 10;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// What a stopped job's reason says.
const CANCEL_REASON: &str = "Step Functions execution stopped";

/// How a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// As the SDK sees fit.
    Freely,
    /// Never once it may have reached the service.
    Never,
}

/// The outcome of a call: the answer's JSON as on the wire, and what came with it.
pub type CallResult = Result<(Value, HttpAnswer), CallError>;

/// One AWS service through its typed SDK crate.
#[async_trait]
pub trait Service: Send + Sync + std::fmt::Debug + Sized + 'static {
    /// The SDK's client.
    type Client: Send + Sync;

    /// The service's name in Task resources, `batch`: its table's.
    const NAME: &'static str;

    /// A client.
    fn client(config: &SdkConfig) -> Self::Client;

    /// Makes the typed call of `request.operation` with `exchange` as its interceptor, with the SDK's own retries switched
    /// off if it may not be repeated, and gives its [`outcome`](crate::aws::outcome).
    async fn send(
        client: &Self::Client,
        request: &WireRequest,
        exchange: RawExchange,
        repeat: Repeat,
    ) -> CallResult;

    /// Looks for the job whose marker says that `token` started it, and gives the answer its start call had (as much of
    /// it as can be told). For services whose table says that start calls are marked.
    async fn find(
        calls: &Calls<'_, Self>,
        start: &WireRequest,
        token: &str,
    ) -> Result<Option<Found>, CallError> {
        let _ = (calls, start, token);
        Ok(None)
    }

    /// Whether a call changes nothing, so that it can be repeated although it carries no token.
    fn only_reads(operation: &str) -> bool {
        let _ = operation;
        false
    }
}

/// Makes a typed SDK call as [`Service::send`] is to make it: `typed_call!(aws_sdk_batch, client.submit_job(), exchange,
/// repeat)`.
#[macro_export]
macro_rules! typed_call {
    ($sdk:ident, $operation:expr, $exchange:expr, $repeat:expr) => {{
        let exchange: $crate::aws::RawExchange = $exchange;
        let mut call = $operation.customize().interceptor(exchange.clone());
        if $repeat == $crate::Repeat::Never {
            let once = $sdk::config::retry::RetryConfig::disabled();
            call = call.config_override($sdk::config::Config::builder().retry_config(once));
        }
        $crate::aws::outcome(&exchange, Box::pin(call.send()).await)
    }};
}

/// A job found by its marker: the answer of its start call, and what came with the answer that showed it.
pub type Found = (Value, HttpAnswer);

/// The adapter of a [`Service`].
#[derive(Debug)]
pub struct Optimized<S> {
    family: &'static Family,
    integrations: Integrations,
    aws: Aws,
    metrics: CallMetrics,
    markers: bool,
    listing_lag: Duration,
    service: std::marker::PhantomData<fn() -> S>,
}

/// Calls under one identity, for [`Service::find`].
#[derive(Debug)]
pub struct Calls<'a, S: Service> {
    adapter: &'a Optimized<S>,
    client: S::Client,
    /// The integration the calls belong to.
    pub integration: Integration<'a>,
    /// When the attempt was first dispatched, in milliseconds since the Unix epoch: jobs from before aren't its own.
    pub scheduled_millis: u64,
}

/// No such service among the tables.
#[derive(Debug, thiserror::Error)]
#[error("there is no table of {0}")]
pub struct NoTable(&'static str);

impl<S: Service> Optimized<S> {
    /// Loads the worker's identity and makes the adapter.
    ///
    /// # Errors
    /// When there is no table of the service.
    pub async fn load(options: &Options, integrations: Integrations) -> Result<Self, NoTable> {
        let family = newel_integrations::families::of(S::NAME).ok_or(NoTable(S::NAME))?;
        let lags = family.actions.iter().any(|a| matches!(a.idempotency, Idempotency::Marker { .. }));
        Ok(Self {
            family,
            integrations,
            aws: Aws::load(options.aws.clone()).await,
            metrics: CallMetrics::new(),
            markers: options.markers,
            listing_lag: if lags { options.listing_lag() } else { Duration::ZERO },
            service: std::marker::PhantomData,
        })
    }

    fn integration(&self, resource: &str) -> Result<Integration<'_>, Failure> {
        self.integrations.find(resource).map_err(|fault| Failure::new("States.Runtime", fault.message))
    }

    async fn calls<'a>(
        &'a self,
        integration: Integration<'a>,
        identity: &Identity,
        execution_name: &str,
        scheduled_millis: u64,
    ) -> Result<Calls<'a, S>, Access> {
        let config = self.aws.config(identity, execution_name).await?;
        Ok(Calls { adapter: self, client: S::client(&config), integration, scheduled_millis })
    }

    async fn calls_of<'a>(
        &'a self,
        integration: Integration<'a>,
        attempt: &Attempt,
    ) -> Result<Calls<'a, S>, Access> {
        let scheduled = attempt.scheduled_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let scheduled = u64::try_from(scheduled.as_millis()).unwrap_or(u64::MAX);
        self.calls(integration, &attempt.identity, attempt.execution_name(), scheduled).await
    }

    /// The start call of an attempt.
    fn start_request(
        &self,
        integration: &Integration<'_>,
        attempt: &Attempt,
    ) -> Result<WireRequest, Failure> {
        let parameters = attempt.parameters.as_ref().map(|p| p.value().clone()).unwrap_or_default();
        let marked = matches!(integration.action.idempotency, Idempotency::Marker { .. });
        let token = (self.markers || !marked).then_some(&*attempt.submit_token);
        integration.request(&parameters, token).map_err(|faults| {
            let reasons = faults.join(", ");
            let text = parameters.to_json();
            let cause = format!("The Parameters '{text}' could not be used to start the Task: [{reasons}]");
            Failure::new("States.Runtime", cause)
        })
    }

    /// What a start call's answer makes of the attempt.
    fn accepted(
        integration: &Integration<'_>,
        start: &WireRequest,
        answer: &Value,
        http: &HttpAnswer,
    ) -> Submission {
        let output = match integration.answer(start, answer, http) {
            Ok(output) => Payload::from(output),
            Err(failure) => return Submission::Failed(failure.into()),
        };
        if integration.ends_with_answer() {
            return Submission::Finished(output);
        }
        // A callback whose job can't be named is no less started.
        let job = integration.started(start, answer).map_or_else(String::new, |job| job.to_string());
        Submission::Started(Started { external_ref: ExternalRef::new(job), output })
    }

    async fn start(&self, attempt: &Attempt) -> Result<Submission, Failure> {
        let integration = self.integration(&attempt.resource)?;
        let start = self.start_request(&integration, attempt)?;
        let calls = match self.calls_of(integration, attempt).await {
            Ok(calls) => calls,
            Err(Access::Denied(failure)) => return Err(failure),
            Err(Access::Unreachable(cause)) => return Err(integration.client_failure(cause).into()),
        };
        let repeat = if S::only_reads(start.operation) { Repeat::Freely } else { Repeat::Never };
        Ok(match calls.send(&start, repeat).await {
            Ok((answer, http)) => Self::accepted(&integration, &start, &answer, &http),
            Err(CallError::Refused { error, .. }) => {
                Submission::Failed(integration.service_failure(&error).into())
            }
            Err(CallError::NotSent(cause)) => {
                Submission::Failed(integration.client_failure(http_cause(&cause)).into())
            }
            Err(CallError::Unknown { answer, cause }) => {
                let answer = answer.map(|error| integration.service_failure(&error).into());
                Submission::Unknown { answer, cause }
            }
        })
    }

    async fn look(&self, attempt: &Attempt) -> Result<Reconciled, Failure> {
        let integration = self.integration(&attempt.resource)?;
        let start = self.start_request(&integration, attempt)?;
        let calls = match self.calls_of(integration, attempt).await {
            Ok(calls) => calls,
            Err(Access::Denied(failure)) => return Err(failure),
            Err(Access::Unreachable(cause)) => return Ok(Reconciled::Later { cause }),
        };
        let found = match integration.action.idempotency {
            Idempotency::None if S::only_reads(start.operation) => Ok(None),
            Idempotency::None => return Ok(unknown("the service can't tell whether the call had an effect")),
            _ if !integration.is_recoverable(&start) => {
                return Ok(unknown("the submission carried nothing to find it by"));
            }
            // The service answers a repetition as it answered the first call.
            Idempotency::Token { .. } => calls.send(&start, Repeat::Never).await.map(Some),
            Idempotency::Marker { .. } => S::find(&calls, &start, &attempt.submit_token).await,
        };
        Ok(match found {
            Ok(None) => Reconciled::NotStarted,
            Ok(Some((answer, http))) => match Self::accepted(&integration, &start, &answer, &http) {
                Submission::Started(started) => Reconciled::Adopted(started),
                Submission::Finished(output) => Reconciled::Finished(output),
                Submission::Failed(_) | Submission::Unknown { .. } => Reconciled::NotStarted,
            },
            Err(CallError::Refused { throttled: false, error }) => {
                match integration.action.idempotency {
                    // Refused now means that it was never accepted: a submit says the same and reports it.
                    Idempotency::Token { .. } => Reconciled::NotStarted,
                    _ => unknown(&integration.service_failure(&error).cause),
                }
            }
            Err(error) => Reconciled::Later { cause: error.cause() },
        })
    }

    async fn states(&self, watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        let integration = self.integration(&watch.resource).map_err(CallFailure::Refused)?;
        let calls =
            self.calls(integration, &watch.identity, "newel-watch", 0).await.map_err(
                |access| match access {
                    Access::Denied(failure) => CallFailure::Refused(failure),
                    Access::Unreachable(cause) => CallFailure::Transient(cause),
                },
            )?;
        let refs: Vec<JobRef> = jobs.iter().map(job_ref).collect();
        let mut states = vec![JobState::Missing; jobs.len()];
        calls.describe(&refs, &mut states).await?;
        Ok(states)
    }

    async fn stop(&self, attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure> {
        let integration = self.integration(&attempt.resource).map_err(CallFailure::Refused)?;
        let calls = self.calls_of(integration, attempt).await.map_err(|access| match access {
            Access::Denied(failure) => CallFailure::Refused(failure),
            Access::Unreachable(cause) => CallFailure::Transient(cause),
        })?;
        let job = job_ref(job);
        let mut failed = None;
        for request in integration.cancel(std::slice::from_ref(&job), CANCEL_REASON) {
            match calls.send(&request, Repeat::Freely).await {
                Ok((answer, _)) if stopped(&answer) => {}
                Ok((answer, _)) => {
                    failed = Some(CallFailure::Refused(Failure::task_failed(answer.to_json())))
                }
                Err(error) => failed = Some(calls.failure(error)),
            }
        }
        let Some(failure) = failed else { return Ok(()) };
        // Services refuse to stop what is over or unknown, each in words of its own; the job itself tells.
        let mut states = [JobState::Missing];
        let described = calls.describe(&[job], &mut states).await;
        match (described, &states[0], &failure) {
            (Ok(()), JobState::Succeeded(_) | JobState::Failed(_), _)
            // A listing that lags shows no job either: that one is gone takes the service's word on the stop as well.
            | (Ok(()), JobState::Missing, CallFailure::Refused(_)) => Ok(()),
            _ => Err(failure),
        }
    }
}

/// Whether an answer to a cancel names no job that it couldn't cancel (Glue answers 200 then).
fn stopped(answer: &Value) -> bool {
    answer.get("Errors").and_then(Value::as_array).is_none_or(<[Value]>::is_empty)
}

fn job_ref(job: &ExternalRef) -> JobRef {
    let Ok(job) = job.as_str().parse();
    job
}

fn unknown(cause: &str) -> Reconciled {
    Reconciled::Unknown { cause: cause.to_owned() }
}

/// The wording of the Java SDK, which users' Catch rules may look into.
fn http_cause(cause: &str) -> String {
    format!("Unable to execute HTTP request: {cause}")
}

impl<S: Service> Calls<'_, S> {
    /// Makes a call that can be repeated freely.
    ///
    /// # Errors
    /// As the call's.
    pub async fn get(&self, operation: &'static str, body: Value) -> CallResult {
        let request = WireRequest { service: self.integration.family.api, operation, body };
        self.send(&request, Repeat::Freely).await
    }

    /// Makes a call, again if it was throttled or never sent. Where the SDK may repeat it, the SDK has done that.
    async fn send(&self, request: &WireRequest, repeat: Repeat) -> CallResult {
        let span = tracing::info_span!(
            "aws.call",
            otel.kind = "client",
            rpc.system = "aws-api",
            rpc.service = request.service,
            rpc.method = request.operation,
        );
        let begun = Instant::now();
        let result = self.attempts(request, repeat).instrument(span).await;
        let name = result.as_ref().map_or_else(CallError::name, |_| "ok");
        self.adapter.metrics.called(request.service, request.operation, name, begun.elapsed().as_secs_f64());
        result
    }

    async fn attempts(&self, request: &WireRequest, repeat: Repeat) -> CallResult {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let mut left = self.adapter.aws.max_attempts();
        loop {
            let exchange = RawExchange::new(request.body.to_json());
            let result = S::send(&self.client, request, exchange, repeat).await;
            left -= 1;
            match &result {
                Err(CallError::NotSent(_) | CallError::Refused { throttled: true, .. })
                    if repeat == Repeat::Never && left > 0 => {}
                _ => return result,
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Fills in the states of jobs that are found; the others keep theirs.
    async fn describe(&self, jobs: &[JobRef], states: &mut [JobState]) -> Result<(), CallFailure> {
        let mut open: Vec<usize> = (0..jobs.len()).collect();
        for request in self.integration.describe(jobs) {
            let mut page = Some(request);
            for _ in 0..MAX_PAGES {
                let Some(request) = page.take().filter(|_| !open.is_empty()) else { break };
                let answer = match self.send(&request, Repeat::Freely).await {
                    Ok((answer, _)) => answer,
                    Err(error) if self.says_missing(&error) => break,
                    Err(error) => return Err(self.failure(error)),
                };
                self.read(&request, &answer, jobs, states, &mut open);
                page = self.integration.next_page(&request, &answer);
            }
        }
        if jobs.len() > 1 && self.integration.action.job.is_some_and(|job| job.sweep.is_some()) {
            self.describe_singly(jobs, states, &open).await?;
        }
        Ok(())
    }

    /// Jobs that a listing didn't show: a few are asked for by id, the others wait for the next round.
    async fn describe_singly(
        &self,
        jobs: &[JobRef],
        states: &mut [JobState],
        open: &[usize],
    ) -> Result<(), CallFailure> {
        for &at in open.iter().skip(MAX_SINGLE) {
            states[at] = JobState::Running;
        }
        for &at in open.iter().take(MAX_SINGLE) {
            Box::pin(self.describe(&jobs[at..=at], &mut states[at..=at])).await?;
        }
        Ok(())
    }

    fn read(
        &self,
        request: &WireRequest,
        answer: &Value,
        jobs: &[JobRef],
        states: &mut [JobState],
        open: &mut Vec<usize>,
    ) {
        for (id, described) in self.integration.described(request, answer) {
            let Some(place) = open.iter().position(|at| *jobs[*at].id == *id) else { continue };
            let at = open.swap_remove(place);
            states[at] = match self.integration.verdict(described) {
                Verdict::Running => JobState::Running,
                Verdict::Succeeded => JobState::Succeeded(self.integration.job_result(described).into()),
                Verdict::Failed => JobState::Failed(self.integration.job_failure(described).into()),
            };
        }
    }

    /// Whether a describe call was refused because there is no such job.
    fn says_missing(&self, error: &CallError) -> bool {
        let CallError::Refused { error, .. } = error else { return false };
        ["EntityNotFoundException", "ClusterNotFoundException", "ResourceNotFoundException"]
            .contains(&error.code())
    }

    fn failure(&self, error: CallError) -> CallFailure {
        match error {
            CallError::Refused { throttled: true, .. } => CallFailure::Throttled,
            CallError::Refused { error, .. } => {
                CallFailure::Refused(self.integration.service_failure(&error).into())
            }
            error => CallFailure::Transient(error.cause()),
        }
    }
}

impl From<TaskFailure> for Failure {
    fn from(failure: TaskFailure) -> Self {
        Self { error: failure.error, cause: failure.cause }
    }
}

#[async_trait]
impl<S: Service> Adapter for Optimized<S> {
    fn family(&self) -> &'static str {
        self.family.family
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("states:::{}:", self.family.service)]
    }

    fn error_prefix(&self) -> &'static str {
        self.family.error_prefix
    }

    fn describe_limit(&self) -> usize {
        let limit = |job: &newel_integrations::descriptor::Job| match job.sweep {
            Some(sweep) => usize::try_from(sweep.max_page).unwrap_or(1),
            None => job.describe.ids.limit(),
        };
        self.family.actions.iter().filter_map(|action| action.job.as_ref()).map(limit).min().unwrap_or(1)
    }

    fn describe_group(&self, job: &ExternalRef) -> Arc<str> {
        job_ref(job).scope.unwrap_or_else(|| "".into())
    }

    fn listing_lag(&self) -> Duration {
        self.listing_lag
    }

    async fn submit(&self, attempt: &Attempt) -> Submission {
        self.start(attempt).await.unwrap_or_else(Submission::Failed)
    }

    async fn reconcile(&self, attempt: &Attempt) -> Reconciled {
        self.look(attempt).await.unwrap_or_else(|failure| unknown(&failure.cause))
    }

    fn look_starts(&self, attempt: &Attempt) -> bool {
        let integration = self.integration(&attempt.resource);
        integration.is_ok_and(|found| matches!(found.action.idempotency, Idempotency::Token { .. }))
    }

    async fn describe(&self, watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        self.states(watch, jobs).await
    }

    async fn cancel(&self, attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure> {
        self.stop(attempt, job).await
    }
}
