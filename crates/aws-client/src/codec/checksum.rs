//! Checksums of request bodies, as S3 and its like take them:
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use newel_aws_catalog::model::HttpChecksum;
use newel_aws_catalog::{Operation, Service, ShapeKind};
use newel_value::{Str, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::Request;

/// What a header with a body's checksum begins with; the algorithm's name in lower case follows.
const PREFIX: &str = "x-amz-checksum-";

/// The sum where the caller names none: the SDKs' default.
const DEFAULT: Algorithm = Algorithm { name: "CRC32", sum: crc32 };

/// A checksum by the name that it has in models.
#[derive(Clone, Copy)]
struct Algorithm {
    name: &'static str,
    /// The sum's bytes, the most significant one first.
    sum: fn(&[u8]) -> Vec<u8>,
}

/// Every algorithm that a model of today's names.
const ALGORITHMS: &[Algorithm] = &[
    DEFAULT,
    Algorithm { name: "CRC32C", sum: |body| crc(CrcAlgorithm::Crc32Iscsi, body)[4..].to_vec() },
    Algorithm { name: "CRC64NVME", sum: |body| crc(CrcAlgorithm::Crc64Nvme, body).to_vec() },
    Algorithm { name: "SHA1", sum: |body| Sha1::digest(body).to_vec() },
    Algorithm { name: "SHA256", sum: |body| Sha256::digest(body).to_vec() },
    Algorithm { name: "SHA512", sum: |body| Sha512::digest(body).to_vec() },
    Algorithm { name: "MD5", sum: |body| Md5::digest(body).to_vec() },
    Algorithm { name: "XXHASH64", sum: |body| XxHash64::oneshot(0, body).to_be_bytes().to_vec() },
    Algorithm { name: "XXHASH3", sum: |body| XxHash3_64::oneshot(body).to_be_bytes().to_vec() },
    Algorithm { name: "XXHASH128", sum: |body| XxHash3_128::oneshot(body).to_be_bytes().to_vec() },
];

fn crc(algorithm: CrcAlgorithm, body: &[u8]) -> [u8; 8] {
    crc_fast::checksum(algorithm, body).to_be_bytes()
}

fn crc32(body: &[u8]) -> Vec<u8> {
    crc(CrcAlgorithm::Crc32IsoHdlc, body)[4..].to_vec()
}

/// Sets the checksum by the algorithm that the caller names, else the default one, as the SDKs do wherever the operation takes
/// any; none where the caller gives the checksum itself.
///
/// # Errors
/// Why there can be none: the operation doesn't take the named algorithm, or this client doesn't know it.
pub(super) fn set(
    request: &mut Request,
    service: &Service,
    operation: &Operation,
    checksum: &HttpChecksum,
    body: &Value,
) -> Result<(), String> {
    let given = request.headers.iter().any(|(name, _)| {
        name == "content-md5"
            || name.strip_prefix(PREFIX).is_some_and(|kind| kind != "algorithm" && kind != "type")
    });
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let member = checksum.algorithm_member.as_ref();
    let member = member.and_then(|name| members.iter().find(|member| member.name == *name));
    let named = member.and_then(|member| Some((member, body.get(member.wire_name())?.as_str()?)));
    let algorithm = match named {
        Some((member, named)) => {
            let taken = match &service.shape(member.shape).kind {
                ShapeKind::String(values) => &values[..],
                _ => &[],
            };
            find(named, taken).ok_or_else(|| refusal(&member.name, named, &operation.name, taken))?
        }
        None if checksum.required || member.is_some() => DEFAULT,
        None => return Ok(()),
    };
    if !given {
        let sum = BASE64.encode((algorithm.sum)(&request.body));
        request.header(format!("{PREFIX}{}", algorithm.name.to_ascii_lowercase()), sum);
    }
    Ok(())
}

/// The algorithm of that name, if the operation takes it; a model without a list leaves that to the service.
fn find(named: &str, taken: &[Str]) -> Option<Algorithm> {
    let offered = taken.is_empty() || taken.iter().any(|name| **name == *named);
    ALGORITHMS.iter().find(|algorithm| offered && algorithm.name == named).copied()
}

fn refusal(member: &str, named: &str, operation: &str, taken: &[Str]) -> String {
    let known = ALGORITHMS.iter().map(|algorithm| algorithm.name).filter(|name| find(name, taken).is_some());
    let known: Vec<&str> = known.collect();
    format!("{member} {named:?} is no checksum of {operation}: it takes {}", known.join(", "))
}
