//! What a request gets once its body is written: tokens before, compression and checksums after.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use newel_aws_catalog::{Operation, Service};
use newel_value::{Str, Value};

use super::{Request, checksum};
use crate::CallError;

/// Bodies smaller than this aren't compressed: the SDKs' default.
const LEAST_COMPRESSED: usize = 10_240;

/// The body with the members that the SDK fills in when the caller doesn't: idempotency tokens.
#[must_use]
pub fn with_token(service: &Service, operation: &Operation, body: &Value, token: &str) -> Value {
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let absent = |name: &Str| body.get(name).is_none_or(Value::is_null);
    let mut tokens = members.iter().filter(|m| m.is_idempotency_token() && absent(m.wire_name())).peekable();
    if tokens.peek().is_none() {
        return body.clone();
    }
    let mut filled = body.as_object().cloned().unwrap_or_default().to_builder();
    for member in tokens {
        filled.insert(Str::clone(member.wire_name()), token);
    }
    filled.build().into()
}

/// The request as it is signed: compressed where the operation allows, with the checksum it needs.
///
/// # Errors
/// [`CallError::NotSent`] when the caller names a checksum that the operation doesn't take.
pub fn finished(
    service: &Service,
    operation: &Operation,
    body: &Value,
    mut request: Request,
) -> Result<Request, CallError> {
    let Some(traits) = operation.traits.as_deref() else { return Ok(request) };
    if traits.compression.iter().any(|encoding| **encoding == *"gzip") {
        compress(&mut request);
    }
    if let Some(of) = &traits.http_checksum {
        checksum::set(&mut request, service, operation, of, body).map_err(CallError::NotSent)?;
    } else if traits.checksum_required {
        request.header_unless_set("content-md5", &BASE64.encode(Md5::digest(&request.body)));
    }
    Ok(request)
}

fn compress(request: &mut Request) {
    if request.body.len() < LEAST_COMPRESSED {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory doesn't fail; if it did, the body would go as it is.
    let Ok(body) = encoder.write_all(&request.body).and_then(|()| encoder.finish()) else { return };
    request.body = body;
    let name = "content-encoding";
    match request.headers.iter_mut().find(|(known, _)| known == name) {
        Some((_, encodings)) => encodings.push_str(", gzip"),
        None => request.header(name, "gzip"),
    }
}
