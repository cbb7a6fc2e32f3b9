//! What a request gets once its body is written: tokens before, compression and checksums after.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use newel_aws_catalog::model::HttpChecksum;
use newel_aws_catalog::{Operation, Service};
use newel_value::{Str, Value};
use sha1::Sha1;
use sha2::Sha256;

use super::Request;

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
#[must_use]
pub fn finished(service: &Service, operation: &Operation, body: &Value, mut request: Request) -> Request {
    let Some(traits) = operation.traits.as_deref() else { return request };
    if traits.compression.iter().any(|encoding| **encoding == *"gzip") {
        compress(&mut request);
    }
    if let Some(checksum) = &traits.http_checksum {
        flexible_checksum(&mut request, service, operation, checksum, body);
    } else if traits.checksum_required {
        request.header_unless_set("content-md5", &BASE64.encode(Md5::digest(&request.body)));
    }
    request
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

/// The checksum of S3 and its like: the algorithm that the caller names, else CRC32; none where the operation needs none and
/// the caller names none, or gives the checksum itself.
fn flexible_checksum(
    request: &mut Request,
    service: &Service,
    operation: &Operation,
    checksum: &HttpChecksum,
    body: &Value,
) {
    const PREFIX: &str = "x-amz-checksum-";
    let given = request.headers.iter().any(|(name, _)| {
        name == "content-md5"
            || name.strip_prefix(PREFIX).is_some_and(|kind| kind != "algorithm" && kind != "type")
    });
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let member = checksum.algorithm_member.as_ref();
    let member = member.and_then(|name| members.iter().find(|member| member.name == *name));
    let named = member.and_then(|member| body.get(member.wire_name())).and_then(Value::as_str);
    if given || !checksum.required && named.is_none() {
        return;
    }
    let sum = match named.unwrap_or("CRC32") {
        "SHA1" => ("sha1", BASE64.encode(Sha1::digest(&request.body))),
        "SHA256" => ("sha256", BASE64.encode(Sha256::digest(&request.body))),
        // The others are rarer than the code for them is long; the service takes any that it is told.
        _ => ("crc32", BASE64.encode(crc32fast::hash(&request.body).to_be_bytes())),
    };
    if named.is_some_and(|named| !named.eq_ignore_ascii_case(sum.0)) {
        let header = request.headers.iter_mut().find(|(name, _)| name.ends_with("-checksum-algorithm"));
        if let Some((_, algorithm)) = header {
            *algorithm = sum.0.to_uppercase();
        }
    }
    request.header(format!("{PREFIX}{}", sum.0), sum.1);
}
