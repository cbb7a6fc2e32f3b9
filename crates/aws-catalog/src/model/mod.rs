//! A service model: what the packed catalog holds of botocore's `service-2.json`.
//!
//! The types are the stored format (postcard inside a zstd frame), so their fields may only change together with
//! [`crate::archive`]'s version.

mod botocore;
mod customized;
mod operation;
mod shape;

use newel_value::Str;
use serde::{Deserialize, Serialize};

pub use botocore::ModelError;
pub use operation::{
    ContextParam, ContextSource, EndpointDiscovery, Http, HttpChecksum, Operation, OperationTraits,
};
pub use shape::{
    Bounds, ErrorTrait, List, Location, Map, Member, MemberTraits, Shape, ShapeId, ShapeKind, Structure,
    TimestampFormat, XmlNamespace,
};

use crate::naming;

/// The wire protocols of AWS services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// AWS JSON 1.0 or 1.1 (which one: [`Metadata::json_version`]).
    Json,
    /// REST with JSON bodies.
    RestJson,
    /// REST with XML bodies.
    RestXml,
    /// Form-encoded requests, XML answers.
    Query,
    /// EC2's variant of [`Self::Query`].
    Ec2,
    /// Smithy RPC v2 with CBOR bodies.
    Cbor,
}

/// The facts about a service as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// The service's id, `DynamoDB`: everything Step Functions calls it derives from this ([`naming`]).
    pub service_id: Str,
    /// `AWS Batch`, if the model has one.
    pub abbreviation: Option<Str>,
    /// `Amazon EC2 Container Service`.
    pub full_name: Str,
    /// The date of the API, `2016-08-10`.
    pub api_version: Str,
    /// First label of the default endpoint.
    pub endpoint_prefix: Str,
    /// The name SigV4 signs for.
    pub signing_name: Str,
    /// `v4`, `s3v4`, `v2` …
    pub signature_version: Str,
    /// Smithy's ids of the ways a request may be signed, in order of preference.
    pub auth: Vec<Str>,
    /// The protocols the service speaks, in its order of preference.
    pub protocols: Vec<Protocol>,
    /// `1.0` or `1.1` for [`Protocol::Json`].
    pub json_version: Option<Str>,
    /// Prefix of the `X-Amz-Target` header.
    pub target_prefix: Option<Str>,
    /// Name space of XML documents.
    pub xml_namespace: Option<Str>,
    /// Host of a service with one endpoint for all regions.
    pub global_endpoint: Option<Str>,
    /// Whether errors carry `x-amzn-query-error`, from the service's past as a query service.
    pub query_compatible: bool,
    /// Checksum of request bodies: `md5` or `sha256`.
    pub checksum_format: Option<Str>,
    /// Whether event streams want HTTP/2 (`protocolSettings`).
    pub http2: Option<Str>,
}

/// One service: facts, operations in name order, shapes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceModel {
    /// The facts about the service as a whole.
    pub metadata: Metadata,
    /// The operations, ordered by name.
    pub operations: Vec<Operation>,
    /// The shapes; a [`ShapeId`] is an index of them.
    pub shapes: Vec<Shape>,
}

impl ServiceModel {
    /// Makes the members those that the Java SDK has. The file keeps them as botocore's model has them.
    pub(crate) fn customize(&mut self) {
        customized::apply(self);
    }

    /// Computes what isn't stored: the names Step Functions gives to the members.
    pub(crate) fn derive_names(&mut self) {
        for shape in &mut self.shapes {
            let ShapeKind::Structure(structure) = &mut shape.kind else { continue };
            for member in &mut structure.members {
                member.capitalized = shared(&member.name, &naming::capitalize(&member.name));
                let java = naming::override_of(&self.metadata.service_id, &shape.name, &member.name)
                    .map_or_else(|| naming::member(&member.name), str::to_owned);
                member.java = shared(&member.name, &java);
            }
        }
    }

    /// Whether every reference points at a shape that is there; a file that says otherwise is damaged.
    pub(crate) fn is_closed(&self) -> bool {
        let there = |id: &ShapeId| (id.0 as usize) < self.shapes.len();
        self.operations.iter().all(|op| op.input.iter().chain(&op.output).chain(&op.errors).all(there))
            && self.shapes.iter().all(|shape| match &shape.kind {
                ShapeKind::Structure(s) => s.members.iter().all(|m| there(&m.shape)),
                ShapeKind::List(l) => there(&l.member),
                ShapeKind::Map(m) => there(&m.key) && there(&m.value),
                _ => true,
            })
    }
}

/// `text` as a shared string, the model's own one when it says the same.
fn shared(name: &Str, text: &str) -> Str {
    if **name == *text { Str::clone(name) } else { text.into() }
}
