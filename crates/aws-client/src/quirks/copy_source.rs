//! The source of S3's copies, which the Java SDK takes in parts: bucket, key and version.

use newel_aws_catalog::Operation;
use newel_value::{Object, Value};

use super::given;
use crate::codec::encode;

/// What names the source whole.
const WHOLE: &str = "CopySource";
/// What names it in parts.
const PARTS: [&str; 3] = ["SourceBucket", "SourceKey", "SourceVersionId"];

/// The request with its source in one; none if nothing is to be changed.
///
/// # Errors
/// The source is named twice, or not enough of it, in the SDK's words.
pub(super) fn joined(operation: &Operation, body: &Object) -> Result<Option<Object>, String> {
    if !matches!(&*operation.name, "CopyObject" | "UploadPartCopy") {
        return Ok(None);
    }
    let part = |name: &'static str| given(body, name).and_then(Value::as_str);
    if given(body, WHOLE).is_some() {
        return match PARTS.into_iter().find(|name| given(body, name).is_some()) {
            Some(name) => Err(format!(
                "Parameter 'copySource' must not be used in conjunction with '{}'",
                newel_aws_catalog::naming::action(name)
            )),
            None => Ok(None),
        };
    }
    let needed = |name: &'static str| {
        let absent = || format!("Parameter '{}' must not be null", newel_aws_catalog::naming::action(name));
        part(name).ok_or_else(absent)
    };
    let [bucket, key, version] = PARTS;
    let (bucket, key) = (needed(bucket)?, needed(key)?);
    // What is reached through an access point is named as one of its objects.
    let through = if bucket.starts_with("arn:") && bucket.contains("accesspoint") { "/object/" } else { "/" };
    let mut source = format!("{}{through}{}", encode(bucket, true), encode(key, true));
    if let Some(version) = part(version) {
        source.push_str("?versionId=");
        source.push_str(&encode(version, true));
    }
    let mut body = body.to_builder();
    for name in PARTS {
        body.insert(name, Value::Null);
    }
    body.insert(WHOLE, source);
    Ok(Some(body.build()))
}
