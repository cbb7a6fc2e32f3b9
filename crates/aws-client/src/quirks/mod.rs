//! What the SDKs do by hand for single services, because no model says it. Where they differ, the AWS SDK for Java v2 counts,
//! which is what AWS calls by.

mod copy_source;
mod glacier;
mod listing;
mod presigned;
mod route53;

use std::borrow::Cow;

use newel_aws_catalog::{Operation, Service};
use newel_value::{Object, Str, Value};

use crate::codec::Request;

pub(crate) use presigned::{CrossRegionCopy, Plan};

/// A request's body as it is to be written.
///
/// # Errors
/// Why there can be no such request.
pub(crate) fn body<'v>(
    service: &Service,
    operation: &Operation,
    body: &'v Value,
) -> Result<Cow<'v, Value>, String> {
    let Value::Object(object) = body else { return Ok(Cow::Borrowed(body)) };
    let changed = match service.botocore_name() {
        "s3" => copy_source::joined(operation, object)?,
        "route53" => route53::without_paths(service, operation, object),
        "glacier" => glacier::with_account(service, operation, object),
        _ => None,
    };
    Ok(changed.map_or(Cow::Borrowed(body), |object| Cow::Owned(object.into())))
}

/// A written request as it is to be signed.
pub(crate) fn written(service: &Service, operation: &Operation, request: &mut Request) {
    match (service.botocore_name(), &*operation.name) {
        ("glacier", name) => glacier::add_headers(service, name, request),
        ("cloudsearchdomain", "Search") => as_form(request),
        _ => {}
    }
}

/// An answer's body as the caller is to see it.
pub(crate) fn answer(service: &Service, operation: &Operation, body: Value) -> Value {
    match service.botocore_name() {
        "s3" => listing::decoded(operation, body),
        "route53" => route53::bare(operation, body),
        _ => body,
    }
}

/// A search may be longer than an address: it goes as a form.
fn as_form(request: &mut Request) {
    "POST".clone_into(&mut request.method);
    request.body = std::mem::take(&mut request.query).into_bytes();
    request.header("content-type", "application/x-www-form-urlencoded");
}

/// An object with other values for some members, where `change` has one.
fn changed(object: &Object, change: impl Fn(&str, &Value) -> Option<Value>) -> Object {
    let member = |(name, value): (&Str, &Value)| {
        (Str::clone(name), change(name, value).unwrap_or_else(|| value.clone()))
    };
    object.iter().map(member).collect()
}

/// A member's value, if it has one.
fn given<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}
