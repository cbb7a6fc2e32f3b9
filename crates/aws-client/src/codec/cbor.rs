//! Smithy RPC v2 with CBOR: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ciborium::Value as Cbor;
use newel_aws_catalog::model::TimestampFormat;
use newel_aws_catalog::{ShapeId, ShapeKind, rewrite_timestamp};
use newel_value::{Number, ObjectBuilder, Str, Value};

use super::{Call, MAX_DEPTH, Request, Response, rest, text};

/// The tag of a point in time: seconds since 1970.
const EPOCH: u64 = 1;
const CONTENT_TYPE: &str = "application/cbor";

pub(super) fn write(call: Call<'_>, body: &Value) -> Result<Request, String> {
    let service = call.service.metadata().target_prefix.as_deref().unwrap_or_default();
    let path = format!("/service/{service}/operation/{}", call.operation.name);
    let mut request = Request { method: "POST".into(), path, ..Request::default() };
    request.header("smithy-protocol", "rpc-v2-cbor");
    request.header("accept", CONTENT_TYPE);
    if call.service.metadata().query_compatible {
        request.header("x-amzn-query-mode", "true");
    }
    if let Some(input) = call.operation.input {
        request.header("content-type", CONTENT_TYPE);
        let body = if body.is_null() { Value::empty_object() } else { body.clone() };
        let cbor = to_cbor(call, input, &body);
        ciborium::into_writer(&cbor, &mut request.body).map_err(|error| error.to_string())?;
    }
    Ok(request)
}

fn to_cbor(call: Call<'_>, id: ShapeId, value: &Value) -> Cbor {
    let shape = call.service.shape(id);
    match (&shape.kind, value) {
        (_, Value::Null) => Cbor::Null,
        (ShapeKind::Structure(structure), Value::Object(object)) => {
            let member = |member: &newel_aws_catalog::model::Member| {
                let value = object.get(member.wire_name()).filter(|value| !value.is_null())?;
                Some((Cbor::Text(member.wire_name().to_string()), to_cbor(call, member.shape, value)))
            };
            Cbor::Map(structure.members.iter().filter_map(member).collect())
        }
        (ShapeKind::List(list), Value::Array(items)) => {
            Cbor::Array(items.iter().map(|item| to_cbor(call, list.member, item)).collect())
        }
        (ShapeKind::Map(map), Value::Object(object)) => {
            let entry =
                |(key, value): (&Str, &Value)| (Cbor::Text(key.to_string()), to_cbor(call, map.value, value));
            Cbor::Map(object.iter().map(entry).collect())
        }
        (ShapeKind::Blob { .. }, value) => Cbor::Bytes(rest::bytes(value)),
        (ShapeKind::Timestamp(_), value) => {
            let seconds =
                rewrite_timestamp(value, TimestampFormat::EpochSeconds).as_f64().unwrap_or_default();
            Cbor::Tag(EPOCH, Box::new(Cbor::Float(seconds)))
        }
        (ShapeKind::Float | ShapeKind::Double, value) => Cbor::Float(float(value)),
        (_, value) => untyped(value),
    }
}

/// A number, or one of the texts that stand for what JSON can't say.
fn float(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_default(),
    }
}

fn untyped(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(|| Cbor::Float(number.as_f64()), Cbor::from),
        Value::String(text) => Cbor::Text(text.to_string()),
        Value::Array(items) => Cbor::Array(items.iter().map(untyped).collect()),
        Value::Object(object) => Cbor::Map(
            object.iter().map(|(key, value)| (Cbor::Text(key.to_string()), untyped(value))).collect(),
        ),
    }
}

pub(super) fn read(call: Call<'_>, output: Option<ShapeId>, response: Response<'_>) -> Result<Value, String> {
    let Some(output) = output.filter(|_| !response.body.is_empty()) else { return Ok(Value::empty_object()) };
    Ok(Reader(Some(call)).value(Some(output), &parse(response.body)?, 0))
}

pub(super) fn parse(body: &[u8]) -> Result<Cbor, String> {
    ciborium::de::from_reader_with_recursion_limit(body, MAX_DEPTH)
        .map_err(|error| format!("the answer isn't CBOR: {error}"))
}

/// The JSON of a value whose shape isn't known.
pub(super) fn plain(value: &Cbor) -> Value {
    Reader(None).value(None, value, 0)
}

/// Reads along the shapes of a service, where there is one.
struct Reader<'a>(Option<Call<'a>>);

impl Reader<'_> {
    fn kind(&self, id: Option<ShapeId>) -> Option<&ShapeKind> {
        Some(&self.0?.service.shape(id?).kind)
    }

    /// The wire's JSON of a value; without a shape as far as JSON can say it.
    fn value(&self, id: Option<ShapeId>, value: &Cbor, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        match value {
            Cbor::Bool(flag) => (*flag).into(),
            Cbor::Integer(int) => integer(i128::from(*int)),
            Cbor::Float(float) => number(*float),
            Cbor::Text(text) => text.as_str().into(),
            Cbor::Bytes(bytes) => BASE64.encode(bytes).into(),
            Cbor::Tag(_, inner) => self.value(id, inner, depth + 1),
            Cbor::Array(items) => {
                let of = match self.kind(id) {
                    Some(ShapeKind::List(list)) => Some(list.member),
                    _ => None,
                };
                items.iter().map(|item| self.value(of, item, depth + 1)).collect()
            }
            Cbor::Map(entries) => {
                let mut object = ObjectBuilder::default();
                for (key, value) in entries {
                    let Some(key) = key.as_text() else { continue };
                    object.insert(key, self.value(self.entry(id, key), value, depth + 1));
                }
                object.build().into()
            }
            _ => Value::Null,
        }
    }

    /// The shape of an entry: a member's, or that of all values of a map.
    fn entry(&self, id: Option<ShapeId>, key: &str) -> Option<ShapeId> {
        match self.kind(id)? {
            ShapeKind::Structure(structure) => {
                let member = structure.members.iter().find(|member| **member.wire_name() == *key);
                member.map(|member| member.shape)
            }
            ShapeKind::Map(map) => Some(map.value),
            _ => None,
        }
    }
}

fn integer(int: i128) -> Value {
    i64::try_from(int).map_or_else(|_| Value::parse(&int.to_string()).unwrap_or_default(), Value::from)
}

fn number(float: f64) -> Value {
    match Number::from_f64_as_integer(float) {
        Some(number) => number.into(),
        None if float.is_nan() => "NaN".into(),
        None => text::plain(&Value::from(if float > 0.0 { "Infinity" } else { "-Infinity" })).into(),
    }
}
