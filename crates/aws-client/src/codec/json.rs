//! AWS JSON 1.0 and 1.1: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.

use newel_value::Value;

use super::{Call, Request, Response};

pub(super) fn write(call: Call<'_>, body: &Value) -> Result<Request, String> {
    let metadata = call.service.metadata();
    let target = metadata.target_prefix.as_deref().unwrap_or_default();
    let version = metadata.json_version.as_deref().unwrap_or("1.0");
    let mut request = Request { method: "POST".into(), path: "/".into(), ..Request::default() };
    request.header("content-type", format!("application/x-amz-json-{version}"));
    request.header("x-amz-target", format!("{target}.{}", call.operation.name));
    if metadata.query_compatible {
        request.header("x-amzn-query-mode", "true");
    }
    request.body = match body {
        Value::Null => b"{}".to_vec(),
        body => body.to_json().into_bytes(),
    };
    Ok(request)
}

pub(super) fn read(response: Response<'_>) -> Result<Value, String> {
    parse(response.body)
}

/// The JSON of a body; an empty one is an object without members.
pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::empty_object());
    }
    let text = std::str::from_utf8(body).map_err(|_| "the answer isn't UTF-8".to_owned())?;
    Value::parse(text).map_err(|error| format!("the answer isn't JSON: {error}"))
}
