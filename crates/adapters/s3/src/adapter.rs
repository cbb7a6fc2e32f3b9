//! The family's adapter. Everything it is asked to do may be done twice, so there is nothing to find again.

use std::sync::Arc;

use async_trait::async_trait;
use newel_asl::error;
use newel_asl::transfer::{FAMILY, ReadPage, WriteFile};
use newel_integrations::Integrations;
use newel_value::{Payload, Value};
use newel_worker::aws::{Access, Aws};
use newel_worker::{
    Adapter, Attempt, CallFailure, ExternalRef, Failure, JobState, Options, Reconciled, Submission, WatchKey,
};

use crate::client::{S3, Shared};
use crate::objects::{Failed, Objects};
use crate::streams::Streams;
use crate::{read, write};

/// The resource of the writer, after `arn:PARTITION:states:::`.
const WRITE: &str = "s3:putObject";

/// Reads items and writes results.
#[derive(Debug)]
pub struct Transfers {
    aws: Aws,
    shared: Arc<Shared>,
    streams: Streams,
}

/// The family's adapter: what [`newel_worker::run`] takes.
pub async fn adapter(options: &Options, integrations: Integrations) -> Arc<Transfers> {
    Arc::new(Transfers {
        aws: Aws::load(options.aws.clone()).await,
        shared: Arc::new(Shared::new(Arc::clone(integrations.catalog()))),
        streams: Streams::default(),
    })
}

impl Transfers {
    async fn carry_out(&self, attempt: &Attempt) -> Result<Payload, Failure> {
        let action = attempt.resource.rsplit(":::").next().unwrap_or_default();
        let error = if action == WRITE { error::RESULT_WRITER_FAILED } else { error::ITEM_READER_FAILED };
        let caller = match self.aws.caller(&attempt.identity, attempt.execution_name()).await {
            Ok(caller) => caller,
            Err(Access::Denied(failure)) => return Err(Failure::new(error, failure.cause)),
            Err(Access::Unreachable(cause)) => return Err(Failure::new(error, cause)),
        };
        let identity = attempt.identity.clone();
        let objects: Arc<dyn Objects> = Arc::new(S3 { shared: Arc::clone(&self.shared), caller, identity });
        let parameters = attempt.parameters.as_ref().map(|parameters| parameters.value().clone());
        let parameters = parameters.unwrap_or_default();
        let malformed = |why: newel_asl::transfer::Malformed| Failed(why.to_string());
        let done = if action == WRITE {
            match WriteFile::try_from(&parameters).map_err(malformed) {
                Ok(write) => write::file(&*objects, &write).await.map(Value::from),
                Err(failed) => Err(failed),
            }
        } else {
            match ReadPage::try_from(&parameters).map_err(malformed) {
                Ok(read) => read::page(&objects, &self.streams, action, &read).await.map(Value::from),
                Err(failed) => Err(failed),
            }
        };
        done.map(Payload::from).map_err(|failed| Failure::new(error, failed.0))
    }
}

#[async_trait]
impl Adapter for Transfers {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn resources(&self) -> Vec<String> {
        vec!["states:::s3:".to_owned()]
    }

    fn error_prefix(&self) -> &'static str {
        "S3"
    }

    async fn submit(&self, attempt: &Attempt) -> Submission {
        match self.carry_out(attempt).await {
            Ok(result) => Submission::Finished(result),
            Err(failure) => Submission::Failed(failure),
        }
    }

    /// Whatever an earlier submit did, doing it again does the same.
    async fn reconcile(&self, _attempt: &Attempt) -> Reconciled {
        Reconciled::NotStarted
    }

    async fn describe(&self, _watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        // There are no jobs.
        Ok(vec![JobState::Missing; jobs.len()])
    }

    async fn cancel(&self, _attempt: &Attempt, _job: &ExternalRef) -> Result<(), CallFailure> {
        Ok(())
    }
}
