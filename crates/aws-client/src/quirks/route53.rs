//! Route 53's ids: its answers have the path before them (`/hostedzone/Z1`), its requests may not.

use newel_aws_catalog::{Operation, Service};
use newel_value::{Object, Value};

use super::changed;

/// Shapes of requests' members that are ids. As botocore does it, so that an id from elsewhere is good too.
const IDS: &[&str] = &["ResourceId", "DelegationSetId", "ChangeId"];

/// The members of answers that hold ids, or lists of what holds them, as the Java SDK has them (`Route53IdInterceptor`).
const ANSWERS: &[(&str, &[&str])] = &[
    ("ChangeResourceRecordSets", &["ChangeInfo"]),
    ("CreateHealthCheck", &["HealthCheck"]),
    ("CreateHostedZone", &["ChangeInfo", "HostedZone", "DelegationSet"]),
    ("CreateReusableDelegationSet", &["DelegationSet"]),
    ("DeleteHostedZone", &["ChangeInfo"]),
    ("GetChange", &["ChangeInfo"]),
    ("GetHealthCheck", &["HealthCheck"]),
    ("GetHostedZone", &["HostedZone", "DelegationSet"]),
    ("GetReusableDelegationSet", &["DelegationSet"]),
    ("ListHealthChecks", &["HealthChecks"]),
    ("ListHostedZones", &["HostedZones"]),
    ("ListResourceRecordSets", &["ResourceRecordSets"]),
    ("ListReusableDelegationSets", &["DelegationSets"]),
];

/// The members of those that are ids: a zone's own, and those of a record set, whose target is another zone's.
const HELD: &[&str] = &["Id", "HealthCheckId", "SetIdentifier", "HostedZoneId"];
const TARGET: &str = "AliasTarget";

/// The request with plain ids; none if nothing is to be changed.
pub(super) fn without_paths(service: &Service, operation: &Operation, body: &Object) -> Option<Object> {
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let is_id = |name: &str| {
        let member = members.iter().find(|member| **member.wire_name() == *name);
        member.is_some_and(|member| IDS.contains(&&*service.shape(member.shape).name))
    };
    let has_path = |value: &Value| value.as_str().is_some_and(|id| id.contains('/'));
    if !body.iter().any(|(name, value)| has_path(value) && is_id(name)) {
        return None;
    }
    Some(changed(body, |name, value| value.as_str().filter(|_| is_id(name)).map(|id| last(id).into())))
}

/// The answer with plain ids.
pub(super) fn bare(operation: &Operation, body: Value) -> Value {
    let Some((_, members)) = ANSWERS.iter().find(|(name, _)| **name == *operation.name) else { return body };
    let Value::Object(object) = &body else { return body };
    changed(object, |name, value| {
        if !members.contains(&name) {
            return None;
        }
        Some(match value {
            Value::Array(items) => items.iter().map(bare_ids).collect(),
            _ => bare_ids(value),
        })
    })
    .into()
}

fn bare_ids(value: &Value) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    changed(object, |name, value| match value {
        Value::String(id) if HELD.contains(&name) => Some(last(id).into()),
        Value::Object(_) if name == TARGET => Some(bare_ids(value)),
        _ => None,
    })
    .into()
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
