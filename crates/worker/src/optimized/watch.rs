//! Looks at jobs, and stops them.

use newel_integrations::JobRef;

use super::{Optimized, Repeat, Service, job_ref};
use crate::adapter::{CallFailure, Failure, JobState, WatchKey};
use crate::attempt::{Attempt, ExternalRef};
use crate::aws::Access;

/// What a stopped job's reason says.
const CANCEL_REASON: &str = "Step Functions execution stopped";

impl From<Access> for CallFailure {
    fn from(access: Access) -> Self {
        match access {
            Access::Denied(failure) => Self::Refused(failure),
            Access::Unreachable(cause) => Self::Transient(cause),
        }
    }
}

impl<S: Service> Optimized<S> {
    pub(super) async fn states(
        &self,
        watch: &WatchKey,
        jobs: &[ExternalRef],
    ) -> Result<Vec<JobState>, CallFailure> {
        let integration = self.integration(&watch.resource).map_err(CallFailure::Refused)?;
        let calls = self.calls(integration, &watch.identity, "newel-watch", 0).await?;
        let refs: Vec<JobRef> = jobs.iter().map(job_ref).collect();
        let mut states = vec![JobState::Missing; jobs.len()];
        calls.describe(&refs, &mut states).await?;
        Ok(states)
    }

    pub(super) async fn stop(&self, attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure> {
        let integration = self.integration(&attempt.resource).map_err(CallFailure::Refused)?;
        let Some(cancel) = integration.action.job.and_then(|job| job.cancel) else { return Ok(()) };
        let calls = self.calls_of(integration, attempt).await?;
        let job = job_ref(job);
        let mut failed = None;
        for request in integration.cancel(std::slice::from_ref(&job), CANCEL_REASON) {
            match calls.send(&request, Repeat::Freely).await {
                Ok((answer, _)) if !(cancel.refused)(&answer) => {}
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
