//! Operations of a service.

use newel_value::Str;
use serde::{Deserialize, Serialize};

use super::{ShapeId, XmlNamespace};

/// One API call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// The API's name, `SubmitJob`.
    pub name: Str,
    /// How it is sent.
    pub http: Http,
    /// The request.
    pub input: Option<ShapeId>,
    /// The answer.
    pub output: Option<ShapeId>,
    /// The errors the model knows.
    pub errors: Vec<ShapeId>,
    /// Element around the answer in query protocols.
    pub result_wrapper: Option<Str>,
    /// Everything else, boxed because most operations have nothing else.
    pub traits: Option<Box<OperationTraits>>,
}

/// How an operation is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Http {
    /// `POST` …
    pub method: Str,
    /// The path with `{labels}`, and constant query parameters.
    pub uri: Str,
    /// The status of success, 200 if the model doesn't say.
    pub status: u16,
}

/// The rarer facts about an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationTraits {
    /// Root element of the request in XML.
    pub input_name: Option<Str>,
    /// Name space of that element.
    pub input_namespace: Option<XmlNamespace>,
    /// Ways it may be signed, if not the service's.
    pub auth: Vec<Str>,
    /// botocore's older word for it: `none`, `v4-unsigned-body`, `bearer`.
    pub auth_type: Option<Str>,
    /// Template put before the endpoint's host.
    pub host_prefix: Option<Str>,
    /// Endpoint parameters that the operation sets.
    pub context_params: Vec<ContextParam>,
    /// Whether endpoints are to be discovered, and whether that is a must.
    pub endpoint_discovery: Option<EndpointDiscovery>,
    /// Whether this is the operation that discovers endpoints.
    pub endpoint_operation: bool,
    /// Checksums of request and answer.
    pub http_checksum: Option<HttpChecksum>,
    /// Whether the request needs a `Content-MD5` or a checksum.
    pub checksum_required: bool,
    /// Encodings the request may be compressed with.
    pub compression: Vec<Str>,
    /// Whether the body stays out of the signature.
    pub unsigned_payload: bool,
    /// Whether a repeated call does no more than one.
    pub idempotent: bool,
    /// Whether it only reads.
    pub read_only: bool,
    /// Whether AWS discourages it.
    pub deprecated: bool,
}

/// An endpoint parameter that an operation sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextParam {
    /// The parameter of the endpoint rule set.
    pub name: Str,
    /// Where its value comes from.
    pub source: ContextSource,
}

/// Where an endpoint parameter's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextSource {
    /// A constant, as JSON text.
    Constant(Str),
    /// A JMESPath expression on the request.
    Path(Str),
}

/// Endpoint discovery (Timestream and others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointDiscovery {
    /// Whether the call can't be made without.
    pub required: bool,
}

/// Flexible checksums (S3 and others).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpChecksum {
    /// The member that names the algorithm.
    pub algorithm_member: Option<Str>,
    /// Whether the request must have one.
    pub required: bool,
    /// The member that switches validation of the answer on.
    pub validation_member: Option<Str>,
    /// Algorithms the answer may use.
    pub response_algorithms: Vec<Str>,
}
