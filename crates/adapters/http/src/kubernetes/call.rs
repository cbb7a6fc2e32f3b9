//! `eks:call`: any request to a cluster's API.

use bytes::Bytes;
use http::Method;
use newel_value::Value;
use newel_worker::aws::Aws;
use newel_worker::{Attempt, ExternalRef, Failure, Pattern, Started, Submission};

use crate::client::Client;
use crate::kubernetes::cluster::{Address, Ask, Clusters};
use crate::kubernetes::{client_failure, fault_failure, payload, result};
use crate::parameters::{Parameters, query};
use crate::reply::MAX_BODY;
use crate::task::is_safe;

impl Clusters {
    /// Carries out an attempt of `eks:call`.
    ///
    /// # Errors
    /// When nothing was sent on its behalf.
    pub(crate) async fn call(
        &self,
        client: &Client,
        aws: &Aws,
        attempt: &Attempt,
        parameters: &Value,
    ) -> Result<Submission, Failure> {
        let given = Parameters::new(parameters)?;
        let address = Address::read(given)?;
        let method = given.method()?;
        let body = given.get("RequestBody");
        let ask = Ask {
            method: method.clone(),
            path: given.text("Path")?.to_owned(),
            query: query(given.get("QueryParameters"))?,
            body: body.map(|body| (media_type(&method, body), text(body))),
            limit: MAX_BODY,
        };
        let cluster = self.open(client, aws, &attempt.identity, attempt.execution_name(), &address).await?;
        Ok(match cluster.send(ask).await {
            Ok(reply) => match (result(&reply), attempt.pattern) {
                (Err(failure), _) => Submission::Failed(failure),
                (Ok(output), Pattern::Callback) => Submission::Started(Started {
                    external_ref: ExternalRef::new(""),
                    output: payload(output),
                }),
                (Ok(output), Pattern::RequestResponse | Pattern::Job) => {
                    Submission::Finished(payload(output))
                }
            },
            Err(fault @ crate::client::Fault::Unanswered(_)) if !is_safe(&method) => {
                let cause = fault.to_string();
                Submission::Unknown { answer: Some(client_failure(&cause)), cause }
            }
            Err(fault) => Submission::Failed(fault_failure(&fault)),
        })
    }
}

/// What a body is. A patch of any resource, custom ones too, can be a merge patch (RFC 7386); a list is a JSON patch.
fn media_type(method: &Method, body: &Value) -> &'static str {
    match (method, body) {
        (&Method::PATCH, Value::Array(_)) => "application/json-patch+json",
        (&Method::PATCH, _) => "application/merge-patch+json",
        _ => "application/json",
    }
}

/// A body's bytes: a text is the body already.
pub(super) fn text(body: &Value) -> Bytes {
    match body {
        Value::String(text) => text.to_string().into(),
        body => body.to_json().into(),
    }
}
