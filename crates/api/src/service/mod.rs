//! The operations, whichever door they came in by: what only the API knows is checked, and the engine is asked.

mod activity;
mod configuration;
mod execution;
mod machine;
mod map_run;
mod tags;
mod task;
mod test_state;
mod validate;
mod version;

use std::sync::Arc;
use std::time::Duration;

use newel_asl::{Limits, MachineType, Timestamp};
use newel_engine::request::{Page, Tenant};
use newel_engine::{ErrorKind, Workflows};
use newel_value::Str;

use crate::Clock;
use crate::model::{Input, Operation};
use crate::page_token::{List, PageTokens};
use crate::refusal::Refusal;
use crate::throttle::Throttle;

pub(crate) use configuration::{EncryptionView, LoggingView, TracingView};
pub(crate) use execution::History;
pub(crate) use test_state::InspectionLevel;
pub(crate) use validate::Verdict;

/// How long a poll for an activity's task waits, and what it takes to give the task.
const LONG_POLL: Duration = Duration::from_secs(70);
/// Items of a page when the client doesn't say.
const PAGE: usize = 100;

/// The operations. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    engine: Arc<dyn Workflows>,
    limits: Arc<Limits>,
    tokens: PageTokens,
    clock: Clock,
    throttle: Throttle,
}

impl Service {
    pub(crate) fn new(
        engine: Arc<dyn Workflows>,
        limits: Limits,
        token_key: &[u8; 32],
        clock: Clock,
    ) -> Self {
        let (limits, tokens) = (Arc::new(limits), PageTokens::new(token_key));
        Self { engine, limits, tokens, clock, throttle: Throttle::off() }
    }

    /// The same service for callers who are throttled.
    pub(crate) fn throttled(self, throttle: Throttle) -> Self {
        Self { throttle, ..self }
    }

    /// Lets a call through, or refuses it because there have been too many.
    pub(crate) async fn admit(
        &self,
        tenant: &Tenant,
        operation: Operation,
        input: &Input,
    ) -> Result<(), Refusal> {
        if !self.throttle.is_on() {
            return Ok(());
        }
        let express = operation == Operation::StartExecution && self.is_express(tenant, input).await;
        self.throttle.admit(tenant, operation, express, self.now())
    }

    /// Whether a start is of an Express execution: those have a bucket of their own.
    async fn is_express(&self, tenant: &Tenant, input: &Input) -> bool {
        let (arn, _) = self.started(input);
        let machine = self.engine.describe_state_machine(tenant, &arn).await;
        machine.is_ok_and(|machine| machine.machine_type == MachineType::Express)
    }

    /// The state machine that a start names, and the test case: `ARN#CASE`, where there are any. Elsewhere that is no ARN.
    fn started(&self, input: &Input) -> (Str, Option<Str>) {
        let arn = input.text("stateMachineArn");
        match arn.split_once('#') {
            Some((machine, case)) if self.engine.takes_test_cases() => (machine.into(), Some(case.into())),
            _ => (arn, None),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Workflows> {
        &self.engine
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How long a call may take that may take `usual` by itself; one of an unknown operation is a call like others.
    pub(crate) fn call_timeout(&self, operation: Option<Operation>, usual: Duration) -> Duration {
        usual.saturating_add(match operation {
            Some(Operation::StartSyncExecution) => Duration::from_secs(self.limits.express_seconds),
            Some(Operation::GetActivityTask) => LONG_POLL,
            _ => Duration::ZERO,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The page size and the engine's cursor that a list request asks for.
    fn page(&self, input: &Input, list: List<'_>) -> Result<(usize, Option<String>), Refusal> {
        let limit = input.integer("maxResults").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let cursor =
            input.optional_text("nextToken").map(|t| self.tokens.open(list, &t, self.now())).transpose()?;
        Ok((limit.unwrap_or(PAGE), cursor))
    }

    /// A page of the engine's with its cursor made a token.
    fn sealed<T>(&self, page: Page<T>, list: List<'_>) -> Page<T> {
        let next = page.next.map(|cursor| self.tokens.seal(list, &cursor, self.now()));
        Page { items: page.items, next }
    }
}

/// The list that an operation's page tokens belong to.
fn list<'a>(operation: Operation, tenant: &'a Tenant, filter: &'a [&'a str]) -> List<'a> {
    List { operation: operation.name(), tenant, filter }
}

/// What an ARN names, for the answer when it isn't the caller's.
#[derive(Clone, Copy, Debug)]
enum Named {
    StateMachine,
    Execution,
    Activity,
    Version,
    Resource,
}

/// Lets an ARN through unless it lives elsewhere. To its caller, what is another's does not exist. What is no ARN goes
/// through: the engine says why it is none.
fn own(tenant: &Tenant, arn: &str, named: Named) -> Result<(), Refusal> {
    let mut parts = arn.splitn(6, ':');
    let (prefix, _partition, service) = (parts.next(), parts.next(), parts.next());
    let (region, account, resource) = (parts.next(), parts.next(), parts.next());
    let is_arn = prefix == Some("arn") && service == Some("states") && resource.is_some();
    let elsewhere = region != Some(&tenant.region) || account != Some(&tenant.account);
    if !(is_arn && elsewhere) {
        return Ok(());
    }
    Err(match named {
        Named::StateMachine => {
            Refusal::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
        }
        Named::Execution => {
            Refusal::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
        }
        Named::Activity => Refusal::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'")),
        Named::Version => {
            Refusal::new("ResourceNotFound", "Request references a resource that does not exist.").about(arn)
        }
        Named::Resource => no_resource(arn),
    })
}

/// The refusal of an operation whose model has no ValidationException: an ARN that it doesn't take is invalid.
fn without_validation(error: newel_engine::Error) -> Refusal {
    match error.kind {
        ErrorKind::LabelledArn => Refusal::new("InvalidArn", format!("Invalid Arn: '{}'", error.message)),
        _ => error.into(),
    }
}

fn no_resource(arn: &str) -> Refusal {
    Refusal::new("ResourceNotFound", format!("Resource not found: '{arn}'")).about(arn)
}

/// Whether to tell what a key protects: not if the request doesn't want it. If it does, and the key can't be used, that is refused.
fn told(withheld: Option<&newel_engine::Error>, input: &Input) -> Result<bool, Refusal> {
    match withheld {
        _ if metadata_only(input) => Ok(false),
        Some(withheld) => Err(withheld.clone().into()),
        None => Ok(true),
    }
}

fn metadata_only(input: &Input) -> bool {
    input.optional_text("includedData").is_some_and(|included| &*included == "METADATA_ONLY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_anothers_does_not_exist() {
        let tenant = Tenant { account: "000000000000".into(), region: "us-east-1".into() };
        for (arn, own_or_no_arn) in [
            ("arn:aws:states:us-east-1:000000000000:stateMachine:m", true),
            ("arn:aws:states:us-east-1:000000000001:stateMachine:m", false),
            ("arn:aws:states:eu-west-1:000000000000:stateMachine:m", false),
            ("arn:aws:states:::stateMachine:m", false),
            ("arn:aws:states:us-east-1:000000000000", true),
            ("not_an_arn", true),
            ("", true),
        ] {
            assert_eq!(own(&tenant, arn, Named::Execution).is_ok(), own_or_no_arn, "{arn}");
        }
    }
}
