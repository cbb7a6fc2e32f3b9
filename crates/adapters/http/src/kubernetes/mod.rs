//! The Kubernetes API of EKS clusters: `eks:call` and `eks:runJob`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-eks.html>

mod call;
mod cluster;
mod job;
mod job_ref;
mod logs;

use newel_value::{Payload, Value};
use newel_worker::Failure;

use crate::client::{Fault, Reply};
use crate::reply::too_long;

pub(crate) use cluster::Clusters;
pub(crate) use job::DESCRIBE_LIMIT;
pub(crate) use job_ref::group;

/// The prefix of the error names.
pub(crate) const PREFIX: &str = "EKS";

/// A call that didn't come to an answer.
fn client_failure(cause: &str) -> Failure {
    Failure::sdk_client(PREFIX, cause)
}

/// An answer as a result, `{ResponseBody, StatusCode, StatusText}`.
///
/// # Errors
/// Of a status other than 2xx: `EKS.<status>`, with that very object as its cause.
fn result(reply: &Reply) -> Result<Value, Failure> {
    let body = reply.content().map_err(|error| client_failure(&error.to_string()))?;
    let envelope = reply.envelope(body);
    if reply.status.is_success() {
        return Ok(envelope);
    }
    Err(Failure::new(format!("{PREFIX}.{}", reply.status.as_u16()), envelope.to_json()))
}

/// The failure of a call without an answer that can be used.
fn fault_failure(fault: &Fault) -> Failure {
    match fault {
        Fault::TooLong(_) => too_long("eks"),
        other => client_failure(&other.to_string()),
    }
}

fn payload(value: Value) -> Payload {
    Payload::from(value)
}
