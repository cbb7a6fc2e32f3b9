//! `.sync`: waits as the SDK's own waiter for the action would.
//!
//! What is watched is the describing request itself, which is made of the action's request and answer: any worker can go on
//! from it. How often it is made is the kit's business; how long is the state's (`TimeoutSeconds`), as with `.sync` in AWS:
//! the waiter's own limit of attempts isn't kept.

use newel_aws_client::Call;
use newel_integrations::descriptor::Verdict;
use newel_integrations::{Looked, SdkAction};
use newel_value::{Payload, Value};
use newel_worker::aws::CallError;
use newel_worker::{CallFailure, ExternalRef, Failure, JobState, Started, Submission, WatchKey};

use crate::Sdk;

/// The session's name under which looks are made.
const WATCH: &str = "newel-watch";

impl Sdk {
    /// An action has begun something: what is watched from now on.
    pub(crate) fn started(&self, action: SdkAction<'_>, request: &Value, answer: &Value) -> Submission {
        let output = Payload::from(action.result(answer));
        let watched = self.integrations.waiter(&action).map_err(|fault| fault.message).and_then(|waiter| {
            let waiter = waiter.ok_or_else(|| format!("{} has no waiter.", action.operation.name))?;
            waiter.request(action.api, &action.operation.name, request, answer).map_err(|member| {
                format!(
                    "{} was called, but neither its answer nor its request says {member}, which {} asks by.",
                    action.operation.name, waiter.operation
                )
            })
        });
        match watched {
            Ok(describe) => {
                Submission::Started(Started { external_ref: ExternalRef::new(describe.to_json()), output })
            }
            Err(cause) => Submission::Failed(Failure::task_failed(cause)),
        }
    }

    /// Asks once whether it is over.
    pub(crate) async fn look(&self, watch: &WatchKey, job: &ExternalRef) -> Result<JobState, CallFailure> {
        let refused = |message: String| CallFailure::Refused(Failure::new("States.Runtime", message));
        let action = self.integrations.sdk_action(&watch.resource).map_err(|fault| refused(fault.message))?;
        let waiter = self.integrations.waiter(&action).map_err(|fault| refused(fault.message))?;
        let waiter = waiter.ok_or_else(|| refused(format!("{} has no waiter", watch.resource)))?;
        let describe = action.api.operation(&waiter.operation);
        let describe = describe.ok_or_else(|| refused(format!("there is no {}", waiter.operation)))?;
        let body = Value::parse(job.as_str()).map_err(|error| refused(format!("{job}: {error}")))?;
        let caller = self.aws.caller(&watch.identity, WATCH).await?;
        // The answers are told in the words of the describing operation, as a call of it alone would.
        let described = SdkAction { operation: describe, ..action };
        let result = self.call(&caller, Call::new(action.api, describe, &body)).await;
        match result.map_err(CallError::from) {
            Ok(answer) => {
                let looked = Looked::Answer { status: answer.status, body: &answer.body };
                let seen = || described.result(&answer.body);
                Ok(match waiter.verdict(action.api, looked) {
                    Some(Verdict::Succeeded) => JobState::Succeeded(seen().into()),
                    Some(Verdict::Failed) => JobState::Failed(Failure::task_failed(seen().to_json())),
                    Some(Verdict::Running) | None => JobState::Running,
                })
            }
            Err(CallError::Refused { throttled: true, .. }) => Err(CallFailure::Throttled),
            Err(CallError::Refused { error, .. }) => {
                let failure = Failure::from(described.service_failure(&error));
                match waiter.verdict(action.api, Looked::Error(&error)) {
                    Some(Verdict::Running) => Ok(JobState::Running),
                    // What is waited for is that it is gone: there is nothing to show.
                    Some(Verdict::Succeeded) => Ok(JobState::Succeeded(Value::empty_object().into())),
                    Some(Verdict::Failed) => Ok(JobState::Failed(Failure::task_failed(failure.cause))),
                    None => Err(CallFailure::Refused(failure)),
                }
            }
            Err(CallError::TooLarge) => Ok(JobState::Failed(described.too_large().into())),
            Err(error) => Err(CallFailure::Transient(error.cause())),
        }
    }
}
