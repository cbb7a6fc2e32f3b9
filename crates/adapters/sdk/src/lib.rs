//! The worker for AWS SDK integrations: `aws-sdk:<service>:<action>`, any action of any service in the catalog, alone, with
//! `.waitForTaskToken`, and with `.sync` where the service's model has a waiter for the action ([`watch`]).
//!
//! Without `.sync` the answer is the result. A call that only reads, or that carries an idempotency token (the attempt's
//! own, where the definition gives none), is repeated freely; any other whose answer was lost fails with
//! `<Prefix>.SdkClientException`, which the definition's Retry can match.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>

mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use newel_aws_client::{Answer, Call, CallError, Caller, Client, Repeat};
use newel_integrations::{Integrations, SdkAction};
use newel_value::Payload;
use newel_worker::aws::{Access, Aws, CallError as Outcome, CallMetrics};
use newel_worker::{
    Adapter, Attempt, CallFailure, ExternalRef, Failure, JobState, Options, Pattern, Reconciled, Started,
    Submission, WatchKey,
};

/// Times that a call which may not be repeated once it has arrived is made again because it didn't arrive, or was throttled.
const MAX_ATTEMPTS: u32 = 3;
/// The pause before the first of them; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The family's adapter: what [`newel_worker::run`] takes.
pub async fn adapter(options: &Options, integrations: Integrations) -> Arc<Sdk> {
    let client = Client::new(Arc::clone(integrations.catalog()));
    Arc::new(Sdk {
        client,
        aws: Aws::load(options.aws.clone()).await,
        integrations,
        metrics: CallMetrics::new(),
    })
}

/// Every AWS service through the catalog.
#[derive(Debug)]
pub struct Sdk {
    client: Client,
    aws: Aws,
    integrations: Integrations,
    metrics: CallMetrics,
}

impl Sdk {
    fn action<'a>(&'a self, attempt: &'a Attempt) -> Result<SdkAction<'a>, Failure> {
        let action = self.integrations.sdk_action(&attempt.resource);
        action.map_err(|fault| Failure::new("States.Runtime", fault.message))
    }

    async fn make(&self, attempt: &Attempt) -> Result<Submission, Failure> {
        let action = self.action(attempt)?;
        let parameters = attempt.parameters.as_ref().map(|p| p.value().clone()).unwrap_or_default();
        let body = action.request(&parameters).map_err(|reasons| {
            let text = parameters.to_json();
            let cause = format!(
                "The Parameters '{text}' could not be used to start the Task: [{}]",
                reasons.join(", ")
            );
            Failure::new("States.Runtime", cause)
        })?;
        let caller = match self.aws.caller(&attempt.identity, attempt.execution_name()).await {
            Ok(caller) => caller,
            Err(Access::Denied(failure)) => return Err(failure),
            Err(Access::Unreachable(cause)) => return Err(action.client_failure(&cause).into()),
        };
        let call = Call {
            repeat: if action.is_repeatable() { Repeat::Freely } else { Repeat::Never },
            token: Some(token(&attempt.submit_token)),
            timeout: attempt.deadline.map(remaining),
            ..Call::new(action.api, action.operation, &body)
        };
        let result = self.call(&caller, call).await;
        if let (Pattern::Job, Ok(answer)) = (attempt.pattern, &result) {
            return Ok(self.started(action, &body, &answer.body));
        }
        Ok(submission(action, attempt.pattern, result.map_err(Outcome::from)))
    }

    /// The call, again while it certainly had no effect.
    async fn call(&self, caller: &Caller, call: Call<'_>) -> Result<Answer, CallError> {
        let mut pause = FIRST_PAUSE;
        let mut left = MAX_ATTEMPTS;
        loop {
            let begun = Instant::now();
            let result = self.client.call(caller, call).await;
            let outcome = result.as_ref().map_or_else(CallError::name, |_| "ok");
            let seconds = begun.elapsed().as_secs_f64();
            self.metrics.called(call.service.name(), &call.operation.name, outcome, seconds);
            left -= 1;
            match &result {
                Err(CallError::NotSent(_) | CallError::Refused { throttled: true, .. })
                    if call.repeat == Repeat::Never && left > 0 => {}
                _ => return result,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

/// The submit token as services take idempotency tokens: 64 characters at most.
fn token(submit: &str) -> &str {
    submit.get(..64).unwrap_or(submit)
}

fn remaining(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or_default().max(Duration::from_millis(1))
}

/// What a call's outcome makes of the attempt.
fn submission(action: SdkAction<'_>, pattern: Pattern, result: Result<Answer, Outcome>) -> Submission {
    match result {
        Ok(answer) => {
            let output = Payload::from(action.result(&answer.body));
            match pattern {
                Pattern::RequestResponse => Submission::Finished(output),
                Pattern::Job | Pattern::Callback => {
                    Submission::Started(Started { external_ref: ExternalRef::new(""), output })
                }
            }
        }
        Err(Outcome::NotSent(cause)) => Submission::Failed(action.client_failure(&cause).into()),
        Err(Outcome::TooLarge) => Submission::Failed(action.too_large().into()),
        Err(Outcome::Refused { error, .. }) => Submission::Failed(action.service_failure(&error).into()),
        Err(Outcome::Unknown { answer, cause }) => {
            let answer = answer.map(|error| action.service_failure(&error).into());
            Submission::Unknown { answer, cause }
        }
    }
}

#[async_trait]
impl Adapter for Sdk {
    fn family(&self) -> &'static str {
        newel_integrations::families::SDK
    }

    fn resources(&self) -> Vec<String> {
        vec!["states:::aws-sdk:".to_owned()]
    }

    fn error_prefix(&self) -> &'static str {
        "AwsSdk"
    }

    fn unanswered(&self, attempt: &Attempt, cause: &str) -> Failure {
        match self.action(attempt) {
            Ok(action) => action.client_failure(cause).into(),
            Err(failure) => failure,
        }
    }

    async fn submit(&self, attempt: &Attempt) -> Submission {
        self.make(attempt).await.unwrap_or_else(Submission::Failed)
    }

    async fn reconcile(&self, attempt: &Attempt) -> Reconciled {
        match self.action(attempt) {
            // The repetition is harmless, so what became of the first call needn't be known.
            Ok(action) if action.is_repeatable() => Reconciled::NotStarted,
            Ok(_) => Reconciled::Unknown {
                cause: "the service can't tell whether the call had an effect".to_owned(),
            },
            Err(failure) => Reconciled::Unknown { cause: failure.cause },
        }
    }

    async fn describe(&self, watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        let mut states = Vec::with_capacity(jobs.len());
        for job in jobs {
            states.push(self.look(watch, job).await?);
        }
        Ok(states)
    }

    async fn cancel(&self, _: &Attempt, _: &ExternalRef) -> Result<(), CallFailure> {
        // No model says how what an action began is undone: it goes on.
        Ok(())
    }
}
