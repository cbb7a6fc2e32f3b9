//! Start calls, and looks for what they did.

use std::time::{Duration, SystemTime};

use newel_integrations::descriptor::Idempotency;
use newel_integrations::{HttpAnswer, Integration, WireRequest};
use newel_value::{Payload, Value};

use super::calls::Resolved;
use super::{Calls, Found, Optimized, Repeat, Service, unknown};
use crate::adapter::{Failure, Reconciled, Started, Submission};
use crate::attempt::{Attempt, ExternalRef};
use crate::aws::{Access, CallError};

/// How far the service's clock may be behind the orchestrator's.
const CLOCK_SKEW_MILLIS: u64 = 300_000;

impl<S: Service> Optimized<S> {
    /// The start call of an attempt.
    fn start_request(
        &self,
        integration: &Integration<'_>,
        attempt: &Attempt,
    ) -> Result<WireRequest, Failure> {
        let parameters = attempt.parameters.as_ref().map(|p| p.value().clone()).unwrap_or_default();
        let marked = matches!(integration.action.idempotency, Idempotency::Marker { .. });
        let token = (self.markers || !marked).then_some(&*attempt.submit_token);
        integration.request(&parameters, &attempt.execution_arn, token).map_err(|faults| {
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

    pub(super) async fn start(&self, attempt: &Attempt) -> Result<Submission, Failure> {
        let integration = self.integration(&attempt.resource)?;
        let start = self.start_request(&integration, attempt)?;
        if let Some(host) = integration.unknown_host(&start) {
            let cause = http_cause(&format!("{host}: Name or service not known"));
            return Ok(Submission::Failed(integration.client_failure(cause).into()));
        }
        let calls = match self.calls_of(integration, attempt).await {
            Ok(calls) => calls,
            Err(Access::Denied(failure)) => return Err(failure),
            Err(Access::Unreachable(cause)) => return Err(integration.client_failure(cause).into()),
        };
        let start = match calls.resolve(start).await {
            Ok(Resolved::Request(start)) => start,
            Ok(Resolved::Nothing(failure)) => return Ok(Submission::Failed(failure.into())),
            // A lookup has no effect, whatever became of it.
            Err(CallError::Refused { error, .. } | CallError::Unknown { answer: Some(error), .. }) => {
                return Ok(Submission::Failed(integration.service_failure(&error).into()));
            }
            Err(error) => {
                return Ok(Submission::Failed(integration.client_failure(http_cause(&error.cause())).into()));
            }
        };
        let objects = attempt.parameters.as_ref().map(|given| integration.stored(given.value()));
        let objects = objects.unwrap_or_default();
        let start = match calls.with_input(start, objects.input.as_ref()).await {
            Ok(start) => start,
            Err(failure) => return Ok(Submission::Failed(failure.into())),
        };
        let natural = integration.action.idempotency == Idempotency::Natural;
        let repeat = if natural { Repeat::Freely } else { Repeat::Never };
        Ok(match calls.send(&start, repeat).await {
            Ok((answer, http)) => match calls.with_output(answer, objects.output.as_ref()).await {
                Ok(answer) => Self::accepted(&integration, &start, &answer, &http),
                Err(failure) => Submission::Failed(failure.into()),
            },
            Err(CallError::Refused { error, .. }) => {
                Submission::Failed(integration.service_failure(&error).into())
            }
            Err(CallError::NotSent(cause)) => {
                Submission::Failed(integration.client_failure(http_cause(&cause)).into())
            }
            Err(CallError::TooLarge) => Submission::Failed(integration.too_large().into()),
            Err(CallError::Unknown { answer, cause }) => {
                let answer = answer.map(|error| integration.service_failure(&error).into());
                Submission::Unknown { answer, cause }
            }
        })
    }

    pub(super) async fn look(&self, attempt: &Attempt) -> Result<Reconciled, Failure> {
        let integration = self.integration(&attempt.resource)?;
        let start = self.start_request(&integration, attempt)?;
        let calls = match self.calls_of(integration, attempt).await {
            Ok(calls) => calls,
            Err(Access::Denied(failure)) => return Err(failure),
            Err(Access::Unreachable(cause)) => return Ok(Reconciled::Later { cause }),
        };
        let found = match integration.action.idempotency {
            Idempotency::None => return Ok(unknown("the service can't tell whether the call had an effect")),
            _ if !integration.is_recoverable(&start) => {
                return Ok(unknown("the submission carried nothing to find it by"));
            }
            // It is made again as if it hadn't been made.
            Idempotency::Natural => Ok(None),
            Idempotency::Token { lasts_seconds: Some(seconds), .. } if is_past(attempt, seconds) => {
                return Ok(unknown("the service has forgotten the submission's token"));
            }
            // The service answers a repetition as it answered the first call.
            Idempotency::Token { .. } => calls.send(&start, Repeat::Never).await.map(Some),
            Idempotency::Marker { .. } => S::find(&calls, &start, &attempt.submit_token).await,
            Idempotency::Name { .. } => calls.find_named(&start).await,
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
            Err(CallError::TooLarge) => unknown(&integration.too_large().cause),
            Err(error) => Reconciled::Later { cause: error.cause() },
        })
    }
}

impl<S: Service> Calls<'_, S> {
    /// The job that the start call names, unless it is older than the attempt: then the call can't have started it.
    async fn find_named(&self, start: &WireRequest) -> Result<Option<Found>, CallError> {
        let since = self.scheduled_millis.saturating_sub(CLOCK_SKEW_MILLIS);
        let job = self.integration.named(start);
        for request in self.integration.describe(job.as_slice()) {
            let (answer, http) = match self.send(&request, Repeat::Freely).await {
                Err(CallError::Refused { error, .. }) if self.integration.says_missing(&error) => continue,
                result => result?,
            };
            let described = self.integration.described(&request, &answer);
            if let Some((_, job)) =
                described.into_iter().find(|(_, job)| self.integration.is_created_since(job, since))
            {
                return Ok(Some((self.integration.start_answer(job), http)));
            }
        }
        Ok(None)
    }
}

/// Whether so much time has gone since the attempt was dispatched.
fn is_past(attempt: &Attempt, seconds: u64) -> bool {
    let age = SystemTime::now().duration_since(attempt.scheduled_at).unwrap_or_default();
    age > Duration::from_secs(seconds)
}

/// The wording of the Java SDK, which users' Catch rules may look into.
fn http_cause(cause: &str) -> String {
    format!("Unable to execute HTTP request: {cause}")
}
