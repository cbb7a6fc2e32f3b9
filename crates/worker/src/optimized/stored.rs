//! Payloads in Amazon S3, read before the call and written after it.

use newel_integrations::{StoredObject, TaskFailure, WireRequest};
use newel_value::Value;

use super::{Calls, Repeat, Service};
use crate::aws::CallError;

impl<S: Service> Calls<'_, S> {
    /// The request with its payload out of an object, if there is one.
    pub(super) async fn with_input(
        &self,
        request: WireRequest,
        object: Option<&StoredObject>,
    ) -> Result<WireRequest, TaskFailure> {
        let Some(object) = object else { return Ok(request) };
        match self.send(&object.get(), Repeat::Freely).await {
            Ok((read, _)) => Ok(self.integration.with_stored_input(request, &read)),
            Err(error) => Err(self.object_failure(object, &error)),
        }
    }

    /// The answer with its payload moved into an object, if one is wanted.
    pub(super) async fn with_output(
        &self,
        answer: Value,
        object: Option<&StoredObject>,
    ) -> Result<Value, TaskFailure> {
        let Some(object) = object else { return Ok(answer) };
        // Written twice is written once.
        match self.send(&self.integration.store_output(object, &answer), Repeat::Freely).await {
            Ok(_) => Ok(self.integration.with_reference(&answer, object)),
            Err(error) => Err(self.object_failure(object, &error)),
        }
    }

    fn object_failure(&self, object: &StoredObject, error: &CallError) -> TaskFailure {
        match error {
            CallError::Refused { error, .. } | CallError::Unknown { answer: Some(error), .. } => {
                self.integration.object_failure(object, error)
            }
            error => {
                let cause = format!("Unable to execute HTTP request: {}", error.cause());
                TaskFailure { error: "S3.SdkClientException".to_owned(), cause }
            }
        }
    }
}
