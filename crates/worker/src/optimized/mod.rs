//! An [`Adapter`] made of integrations' tables and a way to call their services.
//!
//! The tables of `newel_integrations` say what is called with what, and what answers mean. How a call is made is a
//! [`Service`]: by the service's typed SDK crate, or by its model ([`Modelled`]).

mod calls;
mod modelled;
mod service;
mod start;
mod stored;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_aws_catalog::Catalog;
use newel_integrations::descriptor::{Family, Idempotency};
use newel_integrations::{Integration, Integrations, JobRef, TaskFailure};

use crate::adapter::{Adapter, CallFailure, Failure, JobState, Reconciled, Submission, WatchKey};
use crate::attempt::{Attempt, ExternalRef, Identity};
use crate::aws::{Access, Aws};
use crate::metrics::CallMetrics;
use crate::options::Options;

pub use calls::Calls;
pub use modelled::Modelled;
pub use service::{CallResult, Found, Repeat, Service};

/// The adapter of a worker family over a [`Service`].
#[derive(Debug)]
pub struct Optimized<S> {
    service: S,
    family: &'static str,
    tables: Vec<&'static Family>,
    integrations: Integrations,
    aws: Aws,
    metrics: CallMetrics,
    markers: bool,
    listing_lag: Duration,
}

/// No such family among the tables.
#[derive(Debug, thiserror::Error)]
#[error("there is no table of the family {0}")]
pub struct NoTable(String);

impl<S: Service> Optimized<S> {
    /// Loads the worker's identity and makes the adapter of a family.
    ///
    /// # Errors
    /// When there is no table of the family.
    pub async fn load(
        service: S,
        family: &str,
        options: &Options,
        integrations: Integrations,
    ) -> Result<Self, NoTable> {
        let tables = newel_integrations::families::served_by(family);
        let Some(first) = tables.first() else { return Err(NoTable(family.to_owned())) };
        let mut actions = tables.iter().flat_map(|table| table.actions);
        let lags = actions.any(|a| matches!(a.idempotency, Idempotency::Marker { .. }));
        Ok(Self {
            service,
            family: first.family,
            tables,
            integrations,
            aws: Aws::load(options.aws.clone()).await,
            metrics: CallMetrics::new(),
            markers: options.markers,
            listing_lag: if lags { options.listing_lag() } else { Duration::ZERO },
        })
    }

    fn integration<'a>(&'a self, resource: &'a str) -> Result<Integration<'a>, Failure> {
        let unserved = |message| Failure::new("States.Runtime", message);
        let found = self.integrations.find(resource).map_err(|fault| unserved(fault.message))?;
        if found.family.family != self.family {
            return Err(unserved(format!("the workers of {} don't carry out {resource}", self.family)));
        }
        Ok(found)
    }

    async fn calls<'a>(
        &'a self,
        integration: Integration<'a>,
        identity: &Identity,
        execution_name: &str,
        scheduled_millis: u64,
    ) -> Result<Calls<'a, S>, Access> {
        let caller = self.aws.caller(identity, execution_name).await?;
        Ok(Calls { adapter: self, client: self.service.client(&caller), integration, scheduled_millis })
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
}

fn job_ref(job: &ExternalRef) -> JobRef {
    let Ok(job) = job.as_str().parse();
    job
}

fn unknown(cause: &str) -> Reconciled {
    Reconciled::Unknown { cause: cause.to_owned() }
}

impl From<TaskFailure> for Failure {
    fn from(failure: TaskFailure) -> Self {
        Self { error: failure.error, cause: failure.cause }
    }
}

#[async_trait]
impl<S: Service> Adapter for Optimized<S> {
    fn family(&self) -> &'static str {
        self.family
    }

    fn resources(&self) -> Vec<String> {
        let mut resources: Vec<String> =
            self.tables.iter().map(|table| format!("states:::{}:", table.service)).collect();
        resources.dedup();
        if self.family == newel_integrations::families::LAMBDA {
            resources.push("lambda:".to_owned());
        }
        resources
    }

    fn error_prefix(&self) -> &'static str {
        self.tables.first().map_or("States", |table| table.error_prefix)
    }

    fn unanswered(&self, attempt: &Attempt, cause: &str) -> Failure {
        let table = self.integration(&attempt.resource).map(|found| found.family.error_prefix);
        Failure::sdk_client(table.unwrap_or_else(|_| self.error_prefix()), cause)
    }

    fn describe_limit(&self, resource: &str) -> usize {
        self.integration(resource).map_or(1, |found| found.describe_limit())
    }

    fn describe_group(&self, job: &ExternalRef) -> Arc<str> {
        job_ref(job).scope.unwrap_or_else(|| "".into())
    }

    fn event_models(&self) -> Option<Arc<Catalog>> {
        let tells = newel_integrations::job_events(self.family).next().is_some();
        tells.then(|| Arc::clone(self.integrations.catalog()))
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
