//! The API without a wire: for the orchestrator's own workflows that call Step Functions.

use std::sync::Arc;

use newel_asl::Limits;
use newel_engine::Workflows;
use newel_engine::request::Tenant;
use newel_value::Object;

use crate::Clock;
use crate::front::dispatch;
use crate::model::{Input, Operation};
use crate::refusal::Refusal;
use crate::service::Service;

/// The operations in AWS JSON, called in this process. Cheap to clone. It asks nobody who they are: the caller names the
/// tenant it acts for.
#[derive(Clone, Debug)]
pub struct Local(Service);

/// An exception of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Refused {
    /// The exception's name: `StateMachineDoesNotExist`.
    pub name: &'static str,
    /// What the client reads.
    pub message: String,
    /// The HTTP status that it would have over the wire.
    pub status: u16,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { name: refusal.name, status: refusal.status().as_u16(), message: refusal.message }
    }
}

impl Local {
    /// The API over an engine. `token_key` authenticates page tokens; the same key makes them good on the wire too.
    #[must_use]
    pub fn new(engine: Arc<dyn Workflows>, limits: Limits, token_key: &[u8; 32], clock: Clock) -> Self {
        Self(Service::new(engine, limits, token_key, clock))
    }

    /// Carries out the operation of that name (`StartExecution`) and gives its answer's JSON text.
    ///
    /// # Errors
    /// The exception that the API answers with; `UnknownOperationException` for a name it doesn't have.
    pub async fn call(&self, tenant: &Tenant, operation: &str, members: Object) -> Result<String, Refused> {
        let operation = Operation::parse(operation).ok_or_else(|| {
            Refusal::new("UnknownOperationException", format!("There is no operation {operation}"))
        })?;
        let input = Input::new(operation, members, self.0.limits())?;
        Ok(dispatch::dispatch(&self.0, operation, tenant, &input).await?)
    }
}
