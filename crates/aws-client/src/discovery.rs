//! Endpoints that a service hands out itself: Timestream says by `DescribeEndpoints` which of its cells to call, and for how
//! long (<https://docs.aws.amazon.com/timestream/latest/developerguide/Using-API.endpoint-discovery.how-it-works.html>).

use std::time::Duration;

use newel_aws_catalog::{Operation, Service};
use newel_value::{Object, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Call, CallError, Caller, Client};

/// The error by which a service says that an endpoint is none of its any more. Nothing was done.
const INVALID: &str = "InvalidEndpointException";
/// No endpoint is kept longer, whatever its service says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The endpoint of a service that was handed out last.
#[derive(Debug, Default)]
pub(crate) struct Discovered(Mutex<Option<(Instant, String)>>);

/// Whether an operation goes to an endpoint that the service has to be asked for.
pub(crate) fn is_needed(caller: &Caller, service: &Service, operation: &Operation) -> bool {
    let traits = operation.traits.as_deref();
    traits.and_then(|traits| traits.endpoint_discovery).is_some_and(|discovery| discovery.required)
        // Who names an endpoint means that host and no other.
        && caller.prepared(service).settings.endpoint.is_none()
}

/// Whether a call failed because its endpoint is out of use.
pub(crate) fn is_outdated(error: &CallError) -> bool {
    matches!(error, CallError::Refused { error, .. } if error.code() == INVALID)
}

impl Discovered {
    /// The URL that calls go to, asked for if it isn't known; whoever asks meanwhile waits for the same answer.
    ///
    /// # Errors
    /// The service refused to say. The call itself wasn't sent.
    pub(crate) async fn url(
        &self,
        client: &Client,
        caller: &Caller,
        service: &Service,
    ) -> Result<String, CallError> {
        let mut kept = self.0.lock().await;
        if let Some((_, url)) = kept.as_ref().filter(|(until, _)| *until > Instant::now()) {
            return Ok(url.clone());
        }
        let name = service.name();
        let unsent =
            |problem: String| CallError::NotSent(format!("the endpoint of {name} isn't known: {problem}"));
        let asks = |operation: &&Operation| {
            operation.traits.as_deref().is_some_and(|traits| traits.endpoint_operation)
        };
        let operation = service.operations().iter().find(asks);
        let operation =
            operation.ok_or_else(|| unsent("its model has no operation that tells it".to_owned()))?;
        let body = Value::from(Object::default());
        let answer = Box::pin(client.call(caller, Call::new(service, operation, &body))).await;
        let answer = answer.map_err(|error| match error {
            CallError::NotSent(cause) | CallError::Unknown { cause, .. } => unsent(cause),
            CallError::TooLarge { limit } => unsent(format!("the answer has more than {limit} bytes")),
            refused @ CallError::Refused { .. } => refused,
        })?;
        let (url, good_for) = read(&answer.body).ok_or_else(|| unsent("the answer has none".to_owned()))?;
        Ok(kept.insert((Instant::now() + good_for, url)).1.clone())
    }

    /// Has the endpoint asked for anew.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// The first endpoint of an answer, and how long it is good for.
fn read(answer: &Value) -> Option<(String, Duration)> {
    let endpoint = answer.get("Endpoints")?.as_array()?.first()?;
    let address = endpoint.get("Address")?.as_str()?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    if address.is_empty() || !address.bytes().all(is_allowed) {
        return None;
    }
    let minutes = endpoint.get("CachePeriodInMinutes").and_then(Value::as_f64).unwrap_or_default();
    let good_for = Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default();
    Some((format!("https://{address}"), good_for.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_for_a_while() {
        let of = |text: &str| read(&Value::parse(text).unwrap());
        let answer = |address: &str, minutes: &str| {
            of(&format!(r#"{{"Endpoints":[{{"Address":"{address}","CachePeriodInMinutes":{minutes}}}]}}"#))
        };
        assert_eq!(
            answer("cell1.example", "10"),
            Some(("https://cell1.example".into(), Duration::from_secs(600)))
        );
        assert_eq!(answer("cell1.example", "1e300").unwrap().1, Duration::ZERO, "nonsense isn't kept");
        assert_eq!(answer("cell1.example", "100000").unwrap().1, LONGEST);
        for wrong in ["", "a/b", "user@host"] {
            assert_eq!(answer(wrong, "10"), None, "{wrong}");
        }
        assert_eq!(of(r#"{"Endpoints":[]}"#), None);
    }
}
