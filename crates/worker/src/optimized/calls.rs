//! Calls under one identity.

use std::time::{Duration, Instant};

use newel_integrations::descriptor::Verdict;
use newel_integrations::{Integration, JobRef, LookedUp, TaskFailure, WireRequest};
use newel_value::Value;
use tracing::Instrument as _;

use super::{CallResult, Optimized, Repeat, Service};
use crate::adapter::{CallFailure, JobState};
use crate::aws::CallError;
use crate::backoff::Backoff;

/// Pages of one listing that are read at most.
const MAX_PAGES: usize = 10;
/// Jobs that a listing didn't show and that are asked for one by one in the same round.
const MAX_SINGLE: usize = 10;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// Calls under one identity.
#[derive(Debug)]
pub struct Calls<'a, S: Service> {
    pub(super) adapter: &'a Optimized<S>,
    pub(super) client: S::Client,
    /// The integration the calls belong to.
    pub integration: Integration<'a>,
    /// When the attempt was first dispatched, in milliseconds since the Unix epoch: jobs from before aren't its own.
    pub scheduled_millis: u64,
}

/// What came of looking up an id by its name.
pub(super) enum Resolved {
    /// The request that can be sent.
    Request(WireRequest),
    /// There is none of that name.
    Nothing(TaskFailure),
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
    pub(super) async fn send(&self, request: &WireRequest, repeat: Repeat) -> CallResult {
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
            let result = self.adapter.service.send(&self.client, request, repeat).await;
            left -= 1;
            match &result {
                Err(CallError::NotSent(_) | CallError::Refused { throttled: true, .. })
                    if repeat == Repeat::Never && left > 0 => {}
                _ => return result,
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// The start call with the id that its parameters name, where they name one.
    pub(super) async fn resolve(&self, start: WireRequest) -> Result<Resolved, CallError> {
        let mut page = self.integration.lookup(&start);
        for _ in 0..MAX_PAGES {
            let Some(lookup) = page.take() else { return Ok(Resolved::Request(start)) };
            let (answer, _) = self.send(&lookup, Repeat::Freely).await?;
            match self.integration.looked_up(&start, &lookup, &answer) {
                LookedUp::Found(request) => return Ok(Resolved::Request(request)),
                LookedUp::More(next) => page = Some(next),
                LookedUp::Nothing => break,
            }
        }
        Ok(Resolved::Nothing(self.integration.lookup_failure(&start)))
    }

    /// Fills in the states of jobs that are found; the others keep theirs.
    pub(super) async fn describe(&self, jobs: &[JobRef], states: &mut [JobState]) -> Result<(), CallFailure> {
        let mut open: Vec<usize> = (0..jobs.len()).collect();
        for request in self.integration.describe(jobs) {
            let mut page = Some(request);
            for _ in 0..MAX_PAGES {
                let Some(request) = page.take().filter(|_| !open.is_empty()) else { break };
                let answer = match self.send(&request, Repeat::Freely).await {
                    Ok((answer, _)) => answer,
                    Err(CallError::Refused { error, .. }) if self.integration.says_missing(&error) => break,
                    // Who may ask for each may not be allowed to ask for several.
                    Err(CallError::Refused { throttled: false, error })
                        if self.integration.is_of_several(&request) =>
                    {
                        tracing::debug!(
                            error = error.code(),
                            operation = request.operation,
                            "jobs are asked for one by one"
                        );
                        break;
                    }
                    Err(error) => return Err(self.failure(error)),
                };
                self.read(&request, &answer, jobs, states, &mut open);
                page = self.integration.next_page(&request, &answer);
            }
        }
        let is_of_several = self.integration.action.job.is_some_and(|job| job.several.is_some());
        if jobs.len() > 1 && is_of_several {
            self.describe_singly(jobs, states, &open).await?;
        } else {
            for at in open {
                if let Some(result) = self.integration.gone_result(&jobs[at]) {
                    states[at] = JobState::Succeeded(result.into());
                }
            }
        }
        Ok(())
    }

    /// Jobs that a listing didn't show, or too little of: a few are asked for by id, the others wait for the next round.
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
        let is_summary = self.integration.is_summary(request);
        for (id, described) in self.integration.described(request, answer) {
            let Some(place) = open.iter().position(|at| *jobs[*at].id == *id) else { continue };
            let verdict = self.integration.verdict(described);
            if is_summary && verdict != Verdict::Running {
                continue;
            }
            let at = open.remove(place);
            states[at] = match verdict {
                Verdict::Running => JobState::Running,
                Verdict::Succeeded => JobState::Succeeded(self.integration.job_result(described).into()),
                Verdict::Failed => JobState::Failed(self.integration.job_failure(described).into()),
            };
        }
    }

    pub(super) fn failure(&self, error: CallError) -> CallFailure {
        match error {
            CallError::Refused { throttled: true, .. } => CallFailure::Throttled,
            CallError::Refused { error, .. } => {
                CallFailure::Refused(self.integration.service_failure(&error).into())
            }
            error => CallFailure::Transient(error.cause()),
        }
    }
}
