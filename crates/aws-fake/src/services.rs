//! The services: a table each, and how a request finds its operation.

mod batch;
mod call;
mod dynamodb;
mod ecs;
mod glue;
mod sts;

use axum::http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use call::Call;
pub(crate) use dynamodb::Tables;

use crate::identity::Scope;
use crate::wire::{Failure, Protocol};

/// A service that the fake stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// AWS Batch.
    Batch,
    /// Amazon ECS.
    Ecs,
    /// AWS Glue.
    Glue,
    /// Amazon DynamoDB.
    DynamoDb,
    /// AWS Security Token Service.
    Sts,
}

impl Service {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 5] = [Self::Batch, Self::Ecs, Self::Glue, Self::DynamoDb, Self::Sts];

    pub(crate) fn model(self) -> &'static ServiceModel {
        match self {
            Self::Batch => &batch::MODEL,
            Self::Ecs => &ecs::MODEL,
            Self::Glue => &glue::MODEL,
            Self::DynamoDb => &dynamodb::MODEL,
            Self::Sts => &sts::MODEL,
        }
    }
}

/// What an operation answers.
pub(crate) type Outcome = Result<Value, Failure>;

/// A service as data.
#[derive(Debug)]
pub(crate) struct ServiceModel {
    pub(crate) service: Service,
    /// The service in a signature's scope.
    pub(crate) signing_name: &'static str,
    pub(crate) protocol: Protocol,
    /// What precedes the operation in `X-Amz-Target`, for the JSON protocols.
    pub(crate) target_prefix: &'static str,
    pub(crate) operations: &'static [Operation],
    /// The life of its jobs, if it has jobs.
    pub(crate) life: Option<Life>,
    /// Request members that hold the name, group and definition of a [`crate::Selector`].
    pub(crate) selected_by: [&'static str; 3],
    pub(crate) errors: CommonErrors,
}

/// An operation as data.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// `METHOD /path` for a REST operation, a final `*` standing for a resource's ARN; elsewhere empty.
    pub(crate) address: &'static str,
    /// The member whose elements are counted as the call's items.
    pub(crate) items: Option<&'static str>,
    pub(crate) run: fn(&Call<'_>) -> Outcome,
}

/// The usual life of a service's jobs: statuses, each with the seconds after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) run: &'static [(&'static str, f64)],
    pub(crate) stop: &'static [(&'static str, f64)],
    pub(crate) terminal: &'static [&'static str],
    /// Makes a job's id from its 32 digits.
    pub(crate) id: fn(&str) -> String,
}

/// The errors any operation of a service can give: status, code, message.
#[derive(Debug)]
pub(crate) struct CommonErrors {
    pub(crate) throttled: (u16, &'static str, &'static str),
    pub(crate) internal: (u16, &'static str, &'static str),
    pub(crate) denied: (u16, &'static str, &'static str),
    /// Code of a parameter error, always status 400.
    pub(crate) invalid: &'static str,
}

/// A request that found its operation.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) model: &'static ServiceModel,
    pub(crate) operation: &'static Operation,
    pub(crate) input: Value,
}

/// A request that got no further than its envelope, and the protocol to say so in.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) protocol: Protocol,
    pub(crate) failure: Failure,
}

/// Finds the operation by the signature's service and then path, target or action; reads the input.
pub(crate) fn route(
    scope: &Scope<'_>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Routed, Box<Refusal>> {
    let Some(service) =
        Service::ALL.into_iter().find(|service| service.model().signing_name == scope.service)
    else {
        let message = format!("this fake has no service '{}'", scope.service);
        let failure = Failure::new(404, "UnknownOperationException", message);
        return Err(Box::new(Refusal { protocol: Protocol::RestJson, failure }));
    };
    let model = service.model();
    find(model, method, path, headers, body)
        .map_err(|failure| Box::new(Refusal { protocol: model.protocol, failure }))
}

fn find(
    model: &'static ServiceModel,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Routed, Failure> {
    let unknown =
        |what: &str| Failure::new(400, "UnknownOperationException", format!("unknown operation: {what}"));
    let by_name = |name: &str| model.operations.iter().find(|operation| operation.name == name);
    match model.protocol {
        Protocol::RestJson => {
            let address = format!("{method} {path}");
            let found =
                model.operations.iter().find_map(|op| Some((op, match_address(op.address, &address)?)));
            let (operation, arn) = found.ok_or_else(|| unknown(&address))?;
            let mut input = json_input(body)?;
            if !arn.is_empty() {
                input.insert("resourceArn".to_owned(), Value::String(percent_decode(arn, false)));
            }
            Ok(Routed { model, operation, input: Value::Object(input) })
        }
        Protocol::AwsJson { .. } => {
            let target =
                headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
            let name = target.strip_prefix(model.target_prefix).and_then(|rest| rest.strip_prefix('.'));
            let operation = name.and_then(by_name).ok_or_else(|| unknown(target))?;
            Ok(Routed { model, operation, input: Value::Object(json_input(body)?) })
        }
        Protocol::Query { .. } => {
            let input = form_input(body);
            let action = input.get("Action").and_then(Value::as_str).unwrap_or_default();
            let operation = by_name(action)
                .ok_or_else(|| Failure::new(400, "InvalidAction", format!("unknown action: {action}")))?;
            Ok(Routed { model, operation, input: Value::Object(input) })
        }
    }
}

/// The part of `address` that the pattern's `*` stands for (empty without one), if they match.
fn match_address<'a>(pattern: &str, address: &'a str) -> Option<&'a str> {
    match pattern.strip_suffix('*') {
        Some(prefix) => address.strip_prefix(prefix).filter(|rest| !rest.is_empty()),
        None => (pattern == address).then_some(""),
    }
}

fn json_input(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let bad = |message: String| Failure::new(400, "SerializationException", message);
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(bad("the body is not a JSON object".to_owned())),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// The fields of a form or query string.
pub(crate) fn form_input(body: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (percent_decode(name, true), Value::String(percent_decode(value, true))))
        .collect()
}

/// Undoes percent encoding, and `+` for a blank where the text is from a form.
fn percent_decode(text: &str, form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
        rest = tail;
        match (first, hex(tail.first()), hex(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (b'+', ..) if form => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_sit_at_their_discriminant() {
        for (at, service) in Service::ALL.into_iter().enumerate() {
            assert_eq!(service as usize, at);
            assert_eq!(service.model().service, service);
            assert!(!service.model().operations.is_empty());
        }
    }

    #[test]
    fn percent_encoding_is_undone() {
        let check =
            |text: &str, form: bool, expect: &str| assert_eq!(percent_decode(text, form), expect, "{text}");
        check("arn%3Aaws%2fx", false, "arn:aws/x");
        check("a+b%20c", true, "a b c");
        check("a+b", false, "a+b");
        check("100%", false, "100%");
        check("%zz%4", false, "%zz%4");
        check("%C3%A9", false, "é");
    }

    #[test]
    fn addresses_match_whole_or_by_prefix() {
        assert_eq!(match_address("POST /v1/submitjob", "POST /v1/submitjob"), Some(""));
        assert_eq!(match_address("POST /v1/submitjob", "POST /v1/submitjobs"), None);
        assert_eq!(match_address("GET /v1/tags/*", "GET /v1/tags/arn"), Some("arn"));
        assert_eq!(match_address("GET /v1/tags/*", "GET /v1/tags/"), None);
    }
}
