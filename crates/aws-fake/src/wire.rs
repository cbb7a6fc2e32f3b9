//! How answers and errors look on the wire, by protocol.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// The wire protocols of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JSON bodies on paths of their own; the error's name is a header.
    RestJson,
    /// JSON bodies, the operation in `X-Amz-Target`; `__type` carries the error's shape id in `namespace`.
    AwsJson { version: &'static str, namespace: &'static str, message_member: &'static str },
    /// Form in, XML out.
    Query { namespace: &'static str },
}

/// An error as a service answers it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    /// Further members of the error's shape.
    pub(crate) members: Map<String, Value>,
}

impl Failure {
    pub(crate) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), members: Map::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }
}

/// Renders what an operation gave.
pub(crate) fn respond(
    protocol: Protocol,
    operation: &str,
    request_id: &str,
    outcome: Result<Value, Failure>,
) -> Response<Body> {
    let (status, error_type, body) = match (protocol, outcome) {
        (Protocol::Query { namespace }, Ok(result)) => {
            (200, None, success_xml(namespace, operation, &result, request_id))
        }
        (Protocol::Query { namespace }, Err(failure)) => {
            (failure.status, None, error_xml(namespace, &failure, request_id))
        }
        (_, Ok(result)) => (200, None, result.to_string()),
        (Protocol::RestJson, Err(failure)) => {
            let mut members = failure.members;
            members.insert("message".to_owned(), json!(failure.message));
            (failure.status, Some(failure.code), Value::Object(members).to_string())
        }
        (Protocol::AwsJson { namespace, message_member, .. }, Err(failure)) => {
            let mut members = failure.members;
            members.insert("__type".to_owned(), json!(format!("{namespace}{}", failure.code)));
            members.insert(message_member.to_owned(), json!(failure.message));
            (failure.status, None, Value::Object(members).to_string())
        }
    };
    let content_type = match protocol {
        Protocol::RestJson => "application/json",
        Protocol::AwsJson { version: "1.0", .. } => "application/x-amz-json-1.0",
        Protocol::AwsJson { .. } => "application/x-amz-json-1.1",
        Protocol::Query { .. } => "text/xml",
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    if let Some(Ok(name)) = error_type.map(|name| HeaderValue::from_str(&name)) {
        headers.insert("x-amzn-errortype", name);
    }
    if let Protocol::AwsJson { version: "1.0", .. } = protocol {
        headers.insert("x-amz-crc32", HeaderValue::from(crc32(body.as_bytes())));
    }
    *response.body_mut() = Body::from(body);
    response
}

fn success_xml(namespace: &str, operation: &str, result: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    write_xml(&mut xml, result);
    xml.push_str(&format!(
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    xml
}

fn error_xml(namespace: &str, failure: &Failure, request_id: &str) -> String {
    let fault = if failure.status < 500 { "Sender" } else { "Receiver" };
    let mut xml = format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type>");
    write_xml(&mut xml, &json!({"Code": failure.code, "Message": failure.message}));
    xml.push_str(&format!("</Error><RequestId>{request_id}</RequestId></ErrorResponse>"));
    xml
}

/// Objects become elements, everything else text; the operations that use this have no lists.
fn write_xml(xml: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                xml.push_str(&format!("<{name}>"));
                write_xml(xml, value);
                xml.push_str(&format!("</{name}>"));
            }
        }
        Value::String(text) => {
            for c in text.chars() {
                match c {
                    '&' => xml.push_str("&amp;"),
                    '<' => xml.push_str("&lt;"),
                    '>' => xml.push_str("&gt;"),
                    c => xml.push(c),
                }
            }
        }
        other => xml.push_str(&other.to_string()),
    }
}

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// CRC-32 as in gzip (ISO 3309), the checksum of DynamoDB's `x-amz-crc32`.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| CRC32_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_is_the_standard_one() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn xml_escapes_text() {
        let xml = success_xml("ns", "Op", &json!({"A": {"B": "x<&>y"}, "N": 3}), "id");
        let expect = "<OpResponse xmlns=\"ns\"><OpResult><A><B>x&lt;&amp;&gt;y</B></A><N>3</N></OpResult>\
            <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></OpResponse>";
        assert_eq!(xml, expect);
    }

    #[test]
    fn errors_take_the_protocols_form() {
        let check = |protocol, header: Option<&str>| {
            let failure = Failure::new(429, "TooManyRequestsException", "slow down");
            let response = respond(protocol, "Op", "id", Err(failure));
            assert_eq!(response.status().as_u16(), 429);
            assert_eq!(response.headers().get("x-amzn-errortype").map(|h| h.to_str().unwrap()), header);
        };
        check(Protocol::RestJson, Some("TooManyRequestsException"));
        check(Protocol::AwsJson { version: "1.1", namespace: "", message_member: "message" }, None);
        check(Protocol::Query { namespace: "ns" }, None);
    }
}
