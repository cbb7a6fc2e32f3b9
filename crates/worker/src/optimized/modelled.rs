//! Calls by the model of a service's API: any service, with no code of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_aws_catalog::Catalog;
use newel_aws_client::{Call, Caller, Client};
use newel_integrations::{HttpAnswer, ServiceError, WireRequest};

use super::{CallResult, Repeat, Service};
use crate::aws::CallError;

/// How long a stream of events may take from the call to its end: AWS's limit for the tasks that read one.
const EVENTS_TIMEOUT: Duration = Duration::from_secs(900);

/// Every service that the catalog describes.
#[derive(Clone)]
pub struct Modelled {
    catalog: Arc<Catalog>,
    client: Arc<Client>,
}

impl Modelled {
    /// The services of a catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { client: Arc::new(Client::new(Arc::clone(&catalog))), catalog }
    }
}

impl fmt::Debug for Modelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modelled").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

#[async_trait]
impl Service for Modelled {
    type Client = Caller;

    fn client(&self, caller: &Caller) -> Caller {
        caller.clone()
    }

    async fn send(&self, caller: &Caller, request: &WireRequest, repeat: Repeat) -> CallResult {
        let WireRequest { service, operation, body } = request;
        let model = self.catalog.service(service).map_err(|error| CallError::NotSent(error.to_string()))?;
        let missing = || CallError::NotSent(format!("the service catalog has no {service}:{operation}"));
        let model = model.ok_or_else(missing)?;
        let operation = model.operation(operation).ok_or_else(missing)?;
        let repeat = match repeat {
            Repeat::Freely => newel_aws_client::Repeat::Freely,
            Repeat::Never => newel_aws_client::Repeat::Never,
        };
        let timeout = Call::answers_with_events(model, operation).then_some(EVENTS_TIMEOUT);
        let call = Call { repeat, timeout, ..Call::new(model, operation, body) };
        let answer = self.client.call(caller, call).await.map_err(CallError::from)?;
        let http =
            HttpAnswer { status: answer.status, headers: answer.headers, request_id: answer.request_id };
        Ok((answer.body, http))
    }
}

impl From<newel_aws_client::CallError> for CallError {
    fn from(error: newel_aws_client::CallError) -> Self {
        use newel_aws_client::CallError as Of;
        match error {
            Of::NotSent(cause) => Self::NotSent(cause),
            Of::Refused { error, throttled } => Self::Refused { error: service_error(*error), throttled },
            Of::TooLarge { .. } => Self::TooLarge,
            Of::Unknown { answer, cause } => {
                Self::Unknown { answer: answer.map(|error| service_error(*error)), cause }
            }
        }
    }
}

fn service_error(error: newel_aws_client::ServiceError) -> Box<ServiceError> {
    let newel_aws_client::ServiceError { status, code, message, request_id, extended_request_id, .. } = error;
    Box::new(ServiceError { status, code, message, request_id, extended_request_id })
}
