//! Errors that services answer with: code, message and, where the model knows the error, its members.

use newel_aws_catalog::model::Protocol;
use newel_aws_catalog::{Operation, Service, ShapeId};
use newel_value::Value;

use super::{Call, Response, cbor, json, protocol, rest, xml_read};
use crate::ServiceError;

/// What an answer of failure says.
#[must_use]
pub fn read_error(service: &Service, operation: &Operation, response: Response<'_>) -> ServiceError {
    let call = Call { service, operation };
    let read = summary(protocol(service.metadata()), response);
    let header = |name: &str| response.header(name).map(str::to_owned);
    let request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).or(read.request_id);
    // Where a service says two codes, the old one counts unless only the new one is in the model.
    let known =
        |code: &Option<String>| code.as_deref().is_some_and(|code| service.error(bare(code)).is_some());
    let code = if known(&read.shape) && !known(&read.code) { read.shape } else { read.code };
    let code = code.filter(|code| !code.is_empty());
    let code = code.unwrap_or_else(|| of_status(response.status, service, operation));
    let members = service.error(bare(&code)).and_then(|shape| service.shape_named(&shape.name));
    ServiceError {
        status: response.status,
        members: members.map_or_else(Value::empty_object, |shape| members_of(call, shape, response)),
        code,
        message: read.message,
        request_id,
        extended_request_id: header("x-amz-id-2"),
    }
}

/// A code without the name space before it and the address behind it.
pub(crate) fn bare(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default()
}

/// What every error says, whatever its shape.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) code: Option<String>,
    /// The error's name in the model, where the service says that besides.
    pub(crate) shape: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// What can be told of an error without a model.
pub(crate) fn summary(protocol: Protocol, response: Response<'_>) -> Summary {
    match protocol {
        Protocol::Json | Protocol::RestJson => {
            of_json(json::parse(response.body).unwrap_or_default(), response)
        }
        Protocol::Cbor => {
            of_json(cbor::parse(response.body).map(|body| cbor::plain(&body)).unwrap_or_default(), response)
        }
        Protocol::RestXml | Protocol::Query | Protocol::Ec2 => of_xml(response),
    }
}

fn of_json(body: Value, response: Response<'_>) -> Summary {
    let text = |names: &[&str]| {
        names.iter().find_map(|name| body.get(name).and_then(Value::as_str)).map(str::to_owned)
    };
    // A service that once spoke query says its old code too, and that is the one SDKs go by.
    let old = response.header("x-amzn-query-error").and_then(|value| value.split(';').next());
    let code = old.or_else(|| response.header("x-amzn-errortype")).map(str::to_owned);
    Summary {
        code: code.or_else(|| text(&["__type", "code", "Code"])),
        shape: text(&["__type"]),
        message: text(&["message", "Message", "errorMessage"]),
        request_id: None,
    }
}

fn of_xml(response: Response<'_>) -> Summary {
    let Ok(text) = response.text() else { return Summary::default() };
    let Ok(document) = xml_read::document(text) else { return Summary::default() };
    let root = document.root_element();
    let descendant = |name: &str| root.descendants().find(|node| node.tag_name().name() == name);
    // S3's error is the root itself, EC2's is one of several, all others' is in an envelope.
    let Some(error) = descendant("Error") else { return Summary::default() };
    let child = |name: &str| {
        let found = xml_read::elements(error).find(|child| child.tag_name().name() == name);
        found.map(xml_read::content).filter(|text| !text.is_empty())
    };
    let id = |name: &str| descendant(name).map(xml_read::content).filter(|text| !text.is_empty());
    Summary {
        code: child("Code"),
        shape: None,
        message: child("Message").or_else(|| child("message")),
        request_id: id("RequestId").or_else(|| id("RequestID")),
    }
}

/// The members of a modelled error.
fn members_of(call: Call<'_>, shape: ShapeId, response: Response<'_>) -> Value {
    let read = match protocol(call.service.metadata()) {
        Protocol::Json => json::parse(response.body),
        Protocol::RestJson => rest::read(call, Some(shape), response, rest::Bodies::Json),
        Protocol::Cbor => cbor::read(call, Some(shape), response),
        Protocol::RestXml | Protocol::Query | Protocol::Ec2 => {
            let placed = rest::read(call, Some(shape), Response { body: b"", ..response }, rest::Bodies::Xml);
            placed.and_then(|placed| {
                let document = xml_read::document(response.text()?)?;
                let error = document.descendants().find(|node| node.tag_name().name() == "Error");
                let body = error.map(|error| xml_read::value(call.service, shape, error)).unwrap_or_default();
                let both = [&placed, &body].into_iter().filter_map(Value::as_object);
                let members = both.flat_map(|object| object.iter());
                Ok(Value::Object(
                    members.map(|(key, value)| (newel_value::Str::clone(key), value.clone())).collect(),
                ))
            })
        }
    };
    read.unwrap_or_else(|_| Value::empty_object())
}

/// The code of an answer without one, as to a HEAD request: the modelled error of that status if the operation has just
/// one, else the status itself.
fn of_status(status: u16, service: &Service, operation: &Operation) -> String {
    let head = [("HeadObject", "NoSuchKey"), ("HeadBucket", "NoSuchBucket")];
    let known = head.iter().find(|(name, _)| status == 404 && *operation.name == **name);
    match known.filter(|_| service.name() == "s3") {
        Some((_, code)) => (*code).to_owned(),
        None => status.to_string(),
    }
}
