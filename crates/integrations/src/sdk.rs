//! AWS SDK integrations: one action of one service, as it is in the service's API.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>

use newel_asl::catalog::Pattern;
use newel_aws_catalog::model::Protocol;
use newel_aws_catalog::{Dialect, Operation, Service, ShapeId, ShapeKind, from_wire, naming, to_wire};
use newel_value::{Str, Value};

use crate::failure::{ServiceError, TaskFailure};

const TEXT: &str = "text/plain; charset=UTF-8";
const JSON: &str = "application/json";

/// An action of an AWS SDK integration.
#[derive(Clone, Copy, Debug)]
pub struct SdkAction<'c> {
    /// The service's model.
    pub api: &'c Service,
    /// The operation.
    pub operation: &'c Operation,
    /// How the state waits.
    pub pattern: Pattern,
}

impl SdkAction<'_> {
    /// `resourceType` in the history: `aws-sdk:s3`.
    #[must_use]
    pub fn resource_type(&self) -> String {
        format!("aws-sdk:{}", self.api.name())
    }

    /// The request as the wire's JSON.
    ///
    /// # Errors
    /// The reasons that AWS puts in brackets in `The Parameters '…' could not be used to start the Task: […]`.
    pub fn request(&self, parameters: &Value) -> Result<Value, Vec<String>> {
        let Some(input) = self.operation.input else { return Ok(Value::empty_object()) };
        let wire = to_wire(self.api, input, parameters, Dialect::AwsSdk);
        let wire =
            wire.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>())?;
        Ok(self.with_content_type(input, wire))
    }

    /// A body that is streamed is text to AWS (recorded): it says so where the state doesn't say what it is. Other bytes that
    /// are a body by themselves are JSON to the Java SDK, if the rest of the API is.
    fn with_content_type(&self, input: ShapeId, wire: Value) -> Value {
        let Value::Object(object) = &wire else { return wire };
        let members = self.api.members(input);
        let payload = match &self.api.shape(input).kind {
            ShapeKind::Structure(structure) => structure.payload.as_deref(),
            _ => None,
        };
        let payload = payload.and_then(|name| members.iter().find(|member| *member.name == *name));
        let is_bytes = payload.is_some_and(|payload| {
            matches!(self.api.shape(payload.shape).kind, ShapeKind::Blob { .. })
                && object.contains_key(payload.wire_name())
        });
        let is_json = self.api.metadata().protocols.first() == Some(&Protocol::RestJson);
        let streams = members.iter().any(|member| {
            let marked = member.traits.as_ref().is_some_and(|traits| traits.streaming);
            let streams =
                marked || matches!(self.api.shape(member.shape).kind, ShapeKind::Blob { streaming: true });
            streams && object.contains_key(member.wire_name())
        });
        let kind = members.iter().find(|member| *member.java == *"ContentType");
        let kind = kind.filter(|kind| !object.contains_key(kind.wire_name()));
        let said = if streams { Some(TEXT) } else { Some(JSON).filter(|_| is_bytes && is_json) };
        let Some((kind, said)) = kind.zip(said) else { return wire };
        let mut object = object.to_builder();
        object.insert(Str::clone(kind.wire_name()), said);
        object.build().into()
    }

    /// The result: the API's answer and nothing else.
    #[must_use]
    pub fn result(&self, answer: &Value) -> Value {
        let output = self.operation.output;
        output.map_or_else(Value::empty_object, |output| from_wire(self.api, output, answer, Dialect::AwsSdk))
    }

    /// Whether a second call with the same request does no more than the first: it only reads, or carries an idempotency
    /// token (which the worker fills in).
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        let members = self.operation.input.map_or(&[][..], |input| self.api.members(input));
        let reads = self.operation.traits.as_ref().is_some_and(|traits| traits.read_only);
        let verb = |verb: &str| self.operation.name.starts_with(verb);
        let gets = matches!(&*self.operation.http.method, "GET" | "HEAD");
        reads
            || gets
            || ["Describe", "List", "Get", "Head"].into_iter().any(verb)
            || members.iter().any(newel_aws_catalog::model::Member::is_idempotency_token)
    }

    /// The failure of a call that the service refused: the Java SDK's exception of the modelled error, else the service's
    /// base exception.
    #[must_use]
    pub fn service_failure(&self, error: &ServiceError) -> TaskFailure {
        let prefix = self.api.exception_prefix();
        let class = match self.api.error(error.code()) {
            Some(shape) => naming::exception(&shape.name),
            None => format!("{prefix}Exception"),
        };
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "null".to_owned());
        let extended = match &error.extended_request_id {
            Some(extended) => format!(", Extended Request ID: {extended}"),
            None => String::new(),
        };
        TaskFailure {
            error: format!("{prefix}.{class}"),
            cause: format!(
                "{} (Service: {prefix}, Status Code: {}, Request ID: {}{extended})",
                id(&error.message),
                error.status,
                id(&error.request_id),
            ),
        }
    }

    /// The failure of a call that got no answer, or may or may not have arrived.
    #[must_use]
    pub fn client_failure(&self, cause: &str) -> TaskFailure {
        TaskFailure {
            error: format!("{}.SdkClientException", self.api.exception_prefix()),
            cause: format!("Unable to execute HTTP request: {cause}"),
        }
    }

    /// The failure of a call whose answer is larger than a result may be, in AWS's words (recorded).
    #[must_use]
    pub fn too_large(&self) -> TaskFailure {
        crate::failure::too_large(&self.resource_type())
    }
}
