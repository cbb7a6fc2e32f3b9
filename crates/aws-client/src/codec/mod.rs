//! Requests and answers of the protocols that AWS services speak.
//!
//! Each protocol is a writer from the wire's JSON to an HTTP request and a reader back, along the shapes of a model. What
//! the protocols share by way of headers, paths and payloads is in [`rest`].
//! Facts: <https://smithy.io/2.0/aws/protocols/index.html>.

mod cbor;
mod checksum;
mod errors;
mod events;
mod finish;
mod form;
mod json;
mod rest;
mod text;
mod xml_read;
mod xml_write;

use newel_aws_catalog::model::{Metadata, Protocol};
use newel_aws_catalog::{Operation, Service, ShapeKind};
use newel_value::Value;

pub use errors::read_error;
pub(crate) use errors::{bare, summary};
pub use finish::{finished, with_token};
pub(crate) use text::encode;

use crate::CallError;

/// Nothing that comes off the wire is followed deeper than this.
const MAX_DEPTH: usize = 256;

/// A request before it has a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `POST` …
    pub method: String,
    /// The path, percent-encoded, with a slash at its start.
    pub path: String,
    /// What follows the question mark, percent-encoded; empty if there is none.
    pub query: String,
    /// Headers in the order they were set.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// The value of a header.
    pub(crate) fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn header_unless_set(&mut self, name: &str, value: &str) {
        if self.header_value(name).is_none() {
            self.header(name, value);
        }
    }
}

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

impl Response<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(self.body).map_err(|_| "the answer isn't UTF-8".to_owned())
    }
}

/// The protocol to speak with a service: its first, but JSON where it has both JSON and CBOR, since that is what all its
/// stand-ins speak.
#[must_use]
pub fn protocol(metadata: &Metadata) -> Protocol {
    let protocols = &metadata.protocols;
    if protocols.contains(&Protocol::Json) {
        return Protocol::Json;
    }
    protocols.first().copied().unwrap_or(Protocol::Json)
}

/// The request of an operation.
///
/// # Errors
/// [`CallError::NotSent`] when a value can't be written: a path label that is empty, say.
pub fn write(service: &Service, operation: &Operation, body: &Value) -> Result<Request, CallError> {
    let call = Call { service, operation };
    let written = match protocol(service.metadata()) {
        Protocol::Json => json::write(call, body),
        Protocol::RestJson => rest::write(call, body, rest::Bodies::Json),
        Protocol::RestXml => rest::write(call, body, rest::Bodies::Xml),
        Protocol::Query => form::write(call, body, form::Dialect::Query),
        Protocol::Ec2 => form::write(call, body, form::Dialect::Ec2),
        Protocol::Cbor => cbor::write(call, body),
    };
    written.map_err(CallError::NotSent)
}

/// The wire's JSON of an answer of success.
///
/// # Errors
/// Why the answer can't be read.
pub fn read(service: &Service, operation: &Operation, response: Response<'_>) -> Result<Value, String> {
    let call = Call { service, operation };
    match protocol(service.metadata()) {
        Protocol::Json => json::read(response),
        Protocol::RestJson => rest::read(call, operation.output, response, rest::Bodies::Json),
        Protocol::RestXml => rest::read(call, operation.output, response, rest::Bodies::Xml),
        Protocol::Query => form::read(call, response, form::Dialect::Query),
        Protocol::Ec2 => form::read(call, response, form::Dialect::Ec2),
        Protocol::Cbor => cbor::read(call, operation.output, response),
    }
}

/// Whether an answer of success is an error all the same, as S3 answers when it fails after it has begun to answer. A body
/// that is the caller's own data (an object) is never one, whatever it looks like.
pub(crate) fn is_disguised_error(service: &Service, operation: &Operation, body: &[u8]) -> bool {
    if protocol(service.metadata()) != Protocol::RestXml || is_data(service, operation) {
        return false;
    }
    let body = body.trim_ascii_start();
    let declared =
        body.starts_with(b"<?xml").then(|| body.windows(2).position(|window| window == b"?>")).flatten();
    let root = declared.map_or(body, |end| body[end + 2..].trim_ascii_start());
    root.starts_with(b"<Error>")
}

/// Whether the body of an operation's answers is bytes or text by itself.
fn is_data(service: &Service, operation: &Operation) -> bool {
    let Some(ShapeKind::Structure(output)) = operation.output.map(|output| &service.shape(output).kind)
    else {
        return false;
    };
    let payload =
        output.payload.as_ref().and_then(|name| output.members.iter().find(|member| member.name == *name));
    let kind = payload.map(|member| &service.shape(member.shape).kind);
    matches!(kind, Some(ShapeKind::Blob { .. } | ShapeKind::String(_)))
}

/// Whether an operation answers with a stream of events.
pub(crate) fn answers_with_events(service: &Service, operation: &Operation) -> bool {
    let members = operation.output.map_or(&[][..], |output| service.members(output));
    members.iter().any(|member| is_events(&service.shape(member.shape).kind))
}

/// Whether a shape is a stream of events.
const fn is_events(kind: &ShapeKind) -> bool {
    matches!(kind, ShapeKind::Structure(structure) if structure.event_stream)
}

/// What is written or read.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    service: &'a Service,
    operation: &'a Operation,
}
