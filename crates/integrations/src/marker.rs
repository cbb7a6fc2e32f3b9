//! What a start call carries where the service has no idempotency token, so that a job whose start was not confirmed can
//! be found and adopted instead of started again.

use newel_value::{ObjectBuilder, Str, Value};
use sha2::{Digest as _, Sha256};

use crate::descriptor::Idempotency;

/// The tag of a Batch job that holds its attempt's submit token.
pub const TAG: &str = "newel:attempt";

/// The argument of a Glue job run that holds its attempt's submit token.
pub const ARGUMENT: &str = "--newel-attempt";

/// The value a service gets for a submit token: the token itself, or its SHA-256 where it is too long.
#[must_use]
pub fn value_of(token: &str, max_len: usize) -> String {
    if token.len() <= max_len {
        return token.to_owned();
    }
    let mut digest = hex::encode(Sha256::digest(token));
    digest.truncate(max_len);
    digest
}

/// The longest value of a tag, and more than any argument needs.
const MAX_VALUE: usize = 256;

/// The request with the submit token in it. A token that the user gave stays.
pub(crate) fn mark(idempotency: Idempotency, body: &Value, token: &str) -> Value {
    let Value::Object(object) = body else { return body.clone() };
    let mut marked = object.to_builder();
    match idempotency {
        Idempotency::None | Idempotency::Natural | Idempotency::Name { .. } => {}
        Idempotency::Token { member, max_len, .. } => {
            if !object.contains_key(member) {
                marked.insert(member, value_of(token, max_len));
            }
        }
        Idempotency::Marker { member, key, max_entries } => {
            let entries = object.get(member).and_then(Value::as_object).cloned().unwrap_or_default();
            if entries.len() < max_entries {
                let mut entries = entries.to_builder();
                entries.insert(key, value_of(token, MAX_VALUE));
                marked.insert(member, entries.build());
            }
        }
    }
    marked.build().into()
}

/// Whether a described job carries the marker of that token.
pub(crate) fn is_of(idempotency: Idempotency, token: &str, job: &Value) -> bool {
    carried(idempotency, job).is_some_and(|found| found == value_of(token, MAX_VALUE))
}

/// Whether a start request carries a token or a marker, or names its job.
pub(crate) fn is_in(idempotency: Idempotency, body: &Value) -> bool {
    match idempotency {
        Idempotency::Token { member, .. } => body.get(member).is_some(),
        Idempotency::Marker { .. } => carried(idempotency, body).is_some(),
        Idempotency::Name { .. } | Idempotency::Natural => true,
        Idempotency::None => false,
    }
}

fn carried(idempotency: Idempotency, json: &Value) -> Option<&str> {
    match idempotency {
        Idempotency::Marker { member, key, .. } => json.get(member)?.get(key)?.as_str(),
        Idempotency::Token { .. } | Idempotency::Name { .. } | Idempotency::Natural | Idempotency::None => {
            None
        }
    }
}

/// The described job without the marker; its map goes too if nothing else is in it.
pub(crate) fn strip(idempotency: Idempotency, job: &Value) -> Value {
    let (Idempotency::Marker { member, key, .. }, Value::Object(object)) = (idempotency, job) else {
        return job.clone();
    };
    let Some(entries) = object.get(member).and_then(Value::as_object).filter(|e| e.contains_key(key)) else {
        return job.clone();
    };
    let mut rest = entries.to_builder();
    rest.remove(key);
    let rest = rest.build();
    let mut stripped = ObjectBuilder::with_capacity(object.len());
    for (name, value) in object.iter() {
        if **name != *member {
            stripped.insert(Str::clone(name), value.clone());
        } else if !rest.is_empty() {
            stripped.insert(Str::clone(name), rest.clone());
        }
    }
    stripped.build().into()
}
