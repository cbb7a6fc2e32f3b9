//! One call of the API on a task's behalf: its parameters to the API's members, its answer to the task's result.

use std::time::SystemTime;

use newel_api::{Local, Refused};
use newel_asl::catalog::Resource;
use newel_aws_catalog::{Catalog, Dialect, Operation, Service, from_wire, naming, to_wire};
use newel_engine::Report;
use newel_engine::request::Tenant;
use newel_integrations::{HttpAnswer, with_metadata};
use newel_value::{Object, ObjectBuilder, Str, Value};

/// The service's name in `aws-sdk` ARNs.
const SERVICE: &str = "sfn";
/// `resourceType` of the optimized integration.
const OPTIMIZED: &str = "states";
/// How often a call is made that the API couldn't carry out just then, as an SDK would.
const TRIES: usize = 3;
const BETWEEN_TRIES: std::time::Duration = std::time::Duration::from_millis(200);

/// Why a task fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) cause: String,
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self::Failed { error: failure.error.into(), cause: failure.cause.into() }
    }
}

/// An operation as a task's resource names it.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    service: &'c Service,
    operation: &'c Operation,
    dialect: Dialect,
}

impl<'c> Call<'c> {
    /// The operation behind a resource.
    pub(crate) fn of(catalog: &'c Catalog, resource: &Resource) -> Result<Self, Failure> {
        let action = resource.action.split('.').next().unwrap_or_default();
        let dialect =
            if &*resource.resource_type == OPTIMIZED { Dialect::Optimized } else { Dialect::AwsSdk };
        Self::named(catalog, &naming::capitalize(action), dialect)
    }

    /// The operation of that name in the API.
    pub(crate) fn named(catalog: &'c Catalog, name: &str, dialect: Dialect) -> Result<Self, Failure> {
        let missing = |why: String| Failure { error: "States.Runtime".to_owned(), cause: why };
        let service = catalog
            .service(SERVICE)
            .map_err(|error| missing(error.to_string()))?
            .ok_or_else(|| missing("the service catalog has no model of Step Functions".to_owned()))?;
        let operation = service
            .operation(name)
            .ok_or_else(|| missing(format!("the service catalog has no operation {name}")))?;
        Ok(Self { service, operation, dialect })
    }

    /// The API's members that a task's parameters mean.
    pub(crate) fn members(&self, parameters: &Value) -> Result<Object, Failure> {
        let Some(input) = self.operation.input else { return Ok(Object::default()) };
        match to_wire(self.service, input, parameters, self.dialect) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Ok(Object::default()),
            Err(faults) => {
                let reasons: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                Err(Failure {
                    error: "States.Runtime".to_owned(),
                    cause: format!(
                        "The Parameters '{parameters}' could not be used to start the Task: [{}]",
                        reasons.join(", ")
                    ),
                })
            }
        }
    }

    /// Makes the call. What the API can't do just now is tried again.
    pub(crate) async fn make(
        &self,
        api: &Local,
        tenant: &Tenant,
        members: Object,
    ) -> Result<String, Refused> {
        for _ in 1..TRIES {
            match api.call(tenant, &self.operation.name, members.clone()).await {
                Err(refused) if refused.status >= 500 => tokio::time::sleep(BETWEEN_TRIES).await,
                answered => return answered,
            }
        }
        api.call(tenant, &self.operation.name, members).await
    }

    /// An answer as the workflow sees it, without metadata.
    pub(crate) fn shown(&self, answer: &str) -> Value {
        let answer = Value::parse(answer).unwrap_or_default();
        let shape = self.operation.output;
        shape.map_or_else(Value::empty_object, |shape| from_wire(self.service, shape, &answer, self.dialect))
    }

    /// The result of a call: with the metadata that the Java SDK keeps, where the integration shows them.
    pub(crate) fn result(&self, answer: &str) -> Value {
        let shown = self.shown(answer);
        if self.dialect == Dialect::AwsSdk {
            return shown;
        }
        with_metadata(&shown, &http_answer(answer), "states")
    }

    /// The failure that an exception of the API is to the workflow.
    pub(crate) fn failure(&self, refused: &Refused) -> Failure {
        let mut class = refused.name.to_owned();
        if !class.ends_with("Exception") {
            class.push_str("Exception");
        }
        let Refused { name, message, status } = refused;
        let request = request_id();
        match self.dialect {
            Dialect::Optimized => Failure {
                error: format!("StepFunctions.{class}"),
                cause: format!(
                    "{message} (Service: AWSStepFunctions; Status Code: {status}; Error Code: {name}; Request ID: \
                     {request}; Proxy: null)"
                ),
            },
            Dialect::AwsSdk => Failure {
                error: format!("{}.{class}", self.service.exception_prefix()),
                cause: format!(
                    "{message} (Service: {}, Status Code: {status}, Request ID: {request})",
                    self.service.exception_prefix()
                ),
            },
        }
    }
}

/// A described child as `.sync` (1) and `.sync:2` (2) show it: the second has input and output as JSON.
pub(crate) fn described(child: Value, version: u8) -> Value {
    let Value::Object(child) = child else { return child };
    if version < 2 {
        return child.into();
    }
    let mut shown = ObjectBuilder::with_capacity(child.len());
    for (name, value) in child.iter() {
        let parsed = match (&**name, value.as_str()) {
            ("Input" | "Output", Some(text)) => Value::parse(text).ok(),
            _ => None,
        };
        shown.insert(Str::clone(name), parsed.unwrap_or_else(|| value.clone()));
    }
    shown.build().into()
}

/// How much longer the answer to a start is as AWS writes it: `1.700000000123E9` instead of `1700000000.123`.
const EXPONENT: usize = 2;

/// What the answer to a start would have come with over the wire.
fn http_answer(body: &str) -> HttpAnswer {
    let id = request_id();
    let headers = [
        ("connection", "keep-alive".to_owned()),
        ("content-length", (body.len() + EXPONENT).to_string()),
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("date", httpdate::fmt_http_date(SystemTime::now())),
        ("x-amzn-requestid", id.clone()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    HttpAnswer { status: 200, headers, request_id: Some(id) }
}

fn request_id() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_shows_json() {
        let child = Value::parse(r#"{"Input":"{\"a\":1}","Name":"{}","Output":"[2]"}"#).unwrap();
        assert_eq!(described(child.clone(), 1), child);
        let parsed = Value::parse(r#"{"Input":{"a":1},"Name":"{}","Output":[2]}"#).unwrap();
        assert_eq!(described(child, 2), parsed);
    }
}
