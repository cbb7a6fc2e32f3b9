//! Reads botocore's `service-2.json`.

use std::collections::HashMap;

use newel_value::{Str, Value};

use super::{
    Bounds, ContextParam, ContextSource, EndpointDiscovery, ErrorTrait, Http, HttpChecksum, List, Location,
    Map, Member, MemberTraits, Metadata, Operation, OperationTraits, Protocol, ServiceModel, Shape, ShapeId,
    ShapeKind, Structure, TimestampFormat, XmlNamespace,
};

/// Why a text is no service model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Something every model has isn't there.
    #[error("{at} has no {name}")]
    Missing {
        /// The part of the model.
        at: String,
        /// What is missing.
        name: &'static str,
    },
    /// A reference to a shape that the model doesn't have.
    #[error("shape {0} is referred to but not there")]
    NoShape(String),
    /// A word that this reader doesn't know.
    #[error("{at} has an unknown {what}: {word}")]
    Unknown {
        /// The part of the model.
        at: String,
        /// What kind of word.
        what: &'static str,
        /// The word.
        word: String,
    },
}

type Result<T> = std::result::Result<T, ModelError>;

/// The shapes' numbers, by name.
type Ids = HashMap<Str, ShapeId>;

impl ServiceModel {
    /// The model that a `service-2.json` describes. Documentation, patterns, examples and paginators are left out.
    ///
    /// # Errors
    /// [`ModelError`] if the text isn't such a model.
    pub fn from_botocore(model: &Value) -> Result<Self> {
        let shapes =
            model.get("shapes").and_then(Value::as_object).ok_or_else(|| missing("model", "shapes"))?;
        let operations = model
            .get("operations")
            .and_then(Value::as_object)
            .ok_or_else(|| missing("model", "operations"))?;
        let ids: Ids = (0..).zip(shapes.keys()).map(|(i, name)| (Str::clone(name), ShapeId(i))).collect();
        let mut read = Self {
            metadata: metadata(model.get("metadata").unwrap_or(&Value::Null))?,
            operations: operations
                .iter()
                .map(|(name, op)| operation(name, op, &ids))
                .collect::<Result<_>>()?,
            shapes: shapes.iter().map(|(name, s)| shape(name, s, &ids)).collect::<Result<_>>()?,
        };
        read.operations.sort_by(|a, b| a.name.cmp(&b.name));
        read.derive_names();
        Ok(read)
    }
}

fn metadata(m: &Value) -> Result<Metadata> {
    let need = |name: &'static str| text(m, name).ok_or_else(|| missing("metadata", name));
    let endpoint_prefix = need("endpointPrefix")?;
    let protocols = match texts(m, "protocols") {
        all if all.is_empty() => vec![need("protocol")?],
        all => all,
    };
    Ok(Metadata {
        service_id: need("serviceId")?,
        abbreviation: text(m, "serviceAbbreviation"),
        full_name: need("serviceFullName")?,
        api_version: need("apiVersion")?,
        signing_name: text(m, "signingName").unwrap_or_else(|| Str::clone(&endpoint_prefix)),
        endpoint_prefix,
        signature_version: need("signatureVersion")?,
        auth: texts(m, "auth"),
        protocols: protocols.iter().map(|word| protocol(word)).collect::<Result<_>>()?,
        json_version: text(m, "jsonVersion"),
        target_prefix: text(m, "targetPrefix"),
        xml_namespace: text(m, "xmlNamespace"),
        global_endpoint: text(m, "globalEndpoint"),
        query_compatible: m.get("awsQueryCompatible").is_some(),
        checksum_format: text(m, "checksumFormat"),
        http2: m.get("protocolSettings").and_then(|s| text(s, "h2")),
    })
}

fn protocol(word: &str) -> Result<Protocol> {
    Ok(match word {
        "json" => Protocol::Json,
        "rest-json" => Protocol::RestJson,
        "rest-xml" => Protocol::RestXml,
        "query" => Protocol::Query,
        "ec2" => Protocol::Ec2,
        "smithy-rpc-v2-cbor" => Protocol::Cbor,
        _ => return Err(unknown("metadata", "protocol", word)),
    })
}

fn operation(name: &Str, op: &Value, ids: &Ids) -> Result<Operation> {
    let http = op.get("http").unwrap_or(&Value::Null);
    let need = |field: &'static str| text(http, field).ok_or_else(|| missing(name, field));
    let errors = op.get("errors").and_then(Value::as_array).unwrap_or_default();
    let traits = operation_traits(op);
    Ok(Operation {
        name: Str::clone(name),
        http: Http {
            method: need("method")?,
            uri: need("requestUri")?,
            status: int(http, "responseCode").and_then(|code| u16::try_from(code).ok()).unwrap_or(200),
        },
        input: op.get("input").map(|target| reference(target, ids)).transpose()?,
        output: op.get("output").map(|target| reference(target, ids)).transpose()?,
        errors: errors.iter().map(|target| reference(target, ids)).collect::<Result<_>>()?,
        result_wrapper: op.get("output").and_then(|o| text(o, "resultWrapper")),
        traits: (traits != OperationTraits::default()).then(|| Box::new(traits)),
    })
}

fn operation_traits(op: &Value) -> OperationTraits {
    let input = op.get("input").unwrap_or(&Value::Null);
    OperationTraits {
        input_name: text(input, "locationName"),
        input_namespace: xml_namespace(input),
        auth: texts(op, "auth"),
        auth_type: text(op, "authtype"),
        host_prefix: op.get("endpoint").and_then(|e| text(e, "hostPrefix")),
        context_params: context_params(op),
        endpoint_discovery: op
            .get("endpointdiscovery")
            .map(|d| EndpointDiscovery { required: flag(d, "required") }),
        endpoint_operation: flag(op, "endpointoperation"),
        http_checksum: op.get("httpChecksum").map(|c| HttpChecksum {
            algorithm_member: text(c, "requestAlgorithmMember"),
            required: flag(c, "requestChecksumRequired"),
            validation_member: text(c, "requestValidationModeMember"),
            response_algorithms: texts(c, "responseAlgorithms"),
        }),
        checksum_required: flag(op, "httpChecksumRequired"),
        compression: op.get("requestcompression").map(|c| texts(c, "encodings")).unwrap_or_default(),
        unsigned_payload: flag(op, "unsignedPayload"),
        idempotent: flag(op, "idempotent"),
        read_only: flag(op, "readonly"),
        deprecated: flag(op, "deprecated"),
    }
}

fn context_params(op: &Value) -> Vec<ContextParam> {
    let mut params = Vec::new();
    for (name, param) in
        op.get("staticContextParams").and_then(Value::as_object).iter().flat_map(|o| o.iter())
    {
        let constant = param.get("value").unwrap_or(&Value::Null).to_json().into();
        params.push(ContextParam { name: Str::clone(name), source: ContextSource::Constant(constant) });
    }
    for (name, param) in
        op.get("operationContextParams").and_then(Value::as_object).iter().flat_map(|o| o.iter())
    {
        let path = text(param, "path").unwrap_or_else(|| "".into());
        params.push(ContextParam { name: Str::clone(name), source: ContextSource::Path(path) });
    }
    params
}

fn shape(name: &Str, s: &Value, ids: &Ids) -> Result<Shape> {
    let word = s.get("type").and_then(Value::as_str).ok_or_else(|| missing(name, "type"))?;
    let kind = match word {
        "structure" if flag(s, "document") => ShapeKind::Document,
        "structure" => ShapeKind::Structure(structure(name, s, ids)?),
        "list" => ShapeKind::List(list(name, s, ids)?),
        "map" => ShapeKind::Map(map(name, s, ids)?),
        "string" => ShapeKind::String(texts(s, "enum")),
        "blob" => ShapeKind::Blob { streaming: flag(s, "streaming") },
        "boolean" => ShapeKind::Boolean,
        "integer" => ShapeKind::Integer,
        "long" => ShapeKind::Long,
        "float" => ShapeKind::Float,
        "double" => ShapeKind::Double,
        "timestamp" => ShapeKind::Timestamp(timestamp_format(name, s)?),
        _ => return Err(unknown(name, "type", word)),
    };
    Ok(Shape { name: Str::clone(name), kind, bounds: Bounds { min: int(s, "min"), max: int(s, "max") } })
}

fn timestamp_format(name: &str, s: &Value) -> Result<Option<TimestampFormat>> {
    Ok(match s.get("timestampFormat").and_then(Value::as_str) {
        None => None,
        Some("unixTimestamp") => Some(TimestampFormat::EpochSeconds),
        Some("iso8601") => Some(TimestampFormat::Iso8601),
        Some("rfc822") => Some(TimestampFormat::HttpDate),
        Some(word) => return Err(unknown(name, "timestampFormat", word)),
    })
}

fn structure(name: &str, s: &Value, ids: &Ids) -> Result<Structure> {
    let members = s.get("members").and_then(Value::as_object).ok_or_else(|| missing(name, "members"))?;
    let required = texts(s, "required");
    let read = |(name, m): (&Str, &Value)| {
        let traits = member_traits(m)?;
        Ok(Member {
            shape: reference(m, ids)?,
            required: required.contains(name),
            traits: (traits != MemberTraits::default()).then(|| Box::new(traits)),
            name: Str::clone(name),
            capitalized: Str::clone(name),
            java: Str::clone(name),
        })
    };
    Ok(Structure {
        members: members.iter().map(read).collect::<Result<_>>()?,
        payload: text(s, "payload"),
        union: flag(s, "union"),
        event_stream: flag(s, "eventstream"),
        event: flag(s, "event"),
        error: error(s),
        location_name: text(s, "locationName"),
        xml_namespace: xml_namespace(s),
    })
}

fn error(s: &Value) -> Option<ErrorTrait> {
    let error = s.get("error");
    if error.is_none() && !flag(s, "exception") {
        return None;
    }
    let error = error.unwrap_or(&Value::Null);
    Some(ErrorTrait {
        code: text(error, "code"),
        status: int(error, "httpStatusCode").and_then(|status| u16::try_from(status).ok()),
        sender_fault: flag(error, "senderFault"),
        retryable: s.get("retryable").map(|r| flag(r, "throttling")),
    })
}

fn member_traits(m: &Value) -> Result<MemberTraits> {
    let location = match m.get("location").and_then(Value::as_str) {
        None => None,
        Some("uri") => Some(Location::Uri),
        Some("querystring") => Some(Location::QueryString),
        Some("header") => Some(Location::Header),
        Some("headers") => Some(Location::Headers),
        Some("statusCode") => Some(Location::StatusCode),
        Some(word) => return Err(unknown("member", "location", word)),
    };
    Ok(MemberTraits {
        location,
        location_name: text(m, "locationName"),
        query_name: text(m, "queryName"),
        xml_namespace: xml_namespace(m),
        xml_attribute: flag(m, "xmlAttribute"),
        flattened: flag(m, "flattened"),
        idempotency_token: flag(m, "idempotencyToken"),
        host_label: flag(m, "hostLabel"),
        json_value: flag(m, "jsonvalue"),
        streaming: flag(m, "streaming"),
        event_payload: flag(m, "eventpayload"),
        context_param: m.get("contextParam").and_then(|p| text(p, "name")),
    })
}

fn list(name: &str, s: &Value, ids: &Ids) -> Result<List> {
    let member = s.get("member").ok_or_else(|| missing(name, "member"))?;
    Ok(List {
        member: reference(member, ids)?,
        location_name: text(member, "locationName"),
        flattened: flag(s, "flattened"),
        sparse: flag(s, "sparse"),
        xml_namespace: xml_namespace(member),
    })
}

fn map(name: &str, s: &Value, ids: &Ids) -> Result<Map> {
    let part = |part: &'static str| s.get(part).ok_or_else(|| missing(name, part));
    let (key, value) = (part("key")?, part("value")?);
    Ok(Map {
        key: reference(key, ids)?,
        value: reference(value, ids)?,
        key_name: text(key, "locationName"),
        value_name: text(value, "locationName"),
        flattened: flag(s, "flattened"),
        sparse: flag(s, "sparse"),
        key_namespace: xml_namespace(key),
        value_namespace: xml_namespace(value),
    })
}

/// A name space: its URI alone, or with a prefix.
fn xml_namespace(of: &Value) -> Option<XmlNamespace> {
    let namespace = of.get("xmlNamespace")?;
    let uri = namespace.as_str().map(Str::from).or_else(|| text(namespace, "uri"))?;
    Some(XmlNamespace { uri, prefix: text(namespace, "prefix") })
}

fn reference(target: &Value, ids: &Ids) -> Result<ShapeId> {
    let name = target.get("shape").and_then(Value::as_str).unwrap_or_default();
    ids.get(name).copied().ok_or_else(|| ModelError::NoShape(name.to_owned()))
}

fn text(of: &Value, name: &str) -> Option<Str> {
    of.get(name).and_then(Value::as_str).map(Str::from)
}

fn texts(of: &Value, name: &str) -> Vec<Str> {
    let items = of.get(name).and_then(Value::as_array).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(Str::from).collect()
}

fn int(of: &Value, name: &str) -> Option<i64> {
    of.get(name).and_then(Value::as_i64)
}

fn flag(of: &Value, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn missing(at: &str, name: &'static str) -> ModelError {
    ModelError::Missing { at: at.to_owned(), name }
}

fn unknown(at: &str, what: &'static str, word: &str) -> ModelError {
    ModelError::Unknown { at: at.to_owned(), what, word: word.to_owned() }
}
