//! Shapes: the types of a service's requests, answers and errors.

use newel_value::Str;
use serde::{Deserialize, Serialize};

/// Which shape of a service: an index of its shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShapeId(pub(crate) u32);

/// A type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// The model's name of it; error shapes are known by it.
    pub name: Str,
    /// What it is.
    pub kind: ShapeKind,
    /// Length of strings, lists, maps and blobs, or value of numbers.
    pub bounds: Bounds,
}

/// Bounds as the model states them; an end that is no whole number is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The least length or value.
    pub min: Option<i64>,
    /// The greatest length or value.
    pub max: Option<i64>,
}

/// The kinds of types.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ShapeKind {
    /// Named members.
    Structure(Structure),
    /// Elements of one type.
    List(List),
    /// Free keys, values of one type.
    Map(Map),
    /// Text; the known values if it is an enumeration (services add values without notice).
    String(Vec<Str>),
    /// Bytes.
    Blob {
        /// Whether it is the body itself, sent and read as a stream.
        streaming: bool,
    },
    /// `true` or `false`.
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// A point in time; the format if it isn't the protocol's default.
    Timestamp(Option<TimestampFormat>),
    /// Any JSON.
    Document,
}

/// How a timestamp is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimestampFormat {
    /// Seconds since 1970, maybe with a fraction.
    EpochSeconds,
    /// `2026-11-22T21:56:48.423Z`
    Iso8601,
    /// `Sun, 22 Nov 2026 21:56:48 GMT`
    HttpDate,
}

/// A structure's members and traits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Structure {
    /// The members in the model's order.
    pub members: Vec<Member>,
    /// The member that is the HTTP body by itself.
    pub payload: Option<Str>,
    /// Whether exactly one member is to be given.
    pub union: bool,
    /// Whether the members are the events of a stream.
    pub event_stream: bool,
    /// Whether it is an event of a stream.
    pub event: bool,
    /// What it is as an error.
    pub error: Option<ErrorTrait>,
    /// Element name, if it isn't the shape's.
    pub location_name: Option<Str>,
    /// Name space of its element.
    pub xml_namespace: Option<XmlNamespace>,
}

/// An error shape's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorTrait {
    /// The code on the wire, if it isn't the shape's name.
    pub code: Option<Str>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Whether the caller is to blame.
    pub sender_fault: bool,
    /// Whether a retry may help, and then whether the error is a throttle.
    pub retryable: Option<bool>,
}

/// A member of a structure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The model's name.
    pub name: Str,
    /// The type.
    pub shape: ShapeId,
    /// Whether it has to be given.
    pub required: bool,
    /// Everything else, boxed because most members have nothing else.
    pub traits: Option<Box<MemberTraits>>,
    /// The name in optimized integrations: the model's with its first letter in upper case.
    #[serde(skip, default = "unnamed")]
    pub capitalized: Str,
    /// The name in `aws-sdk` integrations: what the Java SDK calls it.
    #[serde(skip, default = "unnamed")]
    pub java: Str,
}

fn unnamed() -> Str {
    "".into()
}

impl Member {
    /// The key in a JSON body. Members bound to another place of the request keep the model's name, by which the
    /// client that builds the request finds them.
    #[must_use]
    pub fn wire_name(&self) -> &Str {
        match self.traits.as_deref() {
            Some(MemberTraits { location: None, location_name: Some(name), .. }) => name,
            _ => &self.name,
        }
    }

    /// Whether the SDK fills the member in when the caller doesn't.
    #[must_use]
    pub fn is_idempotency_token(&self) -> bool {
        self.traits.as_deref().is_some_and(|t| t.idempotency_token)
    }
}

/// Where a member goes if not into the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// A label of the path.
    Uri,
    /// A query parameter, or a map of them.
    QueryString,
    /// One header.
    Header,
    /// A map of headers with a common prefix.
    Headers,
    /// The answer's status code.
    StatusCode,
}

/// The rarer facts about a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTraits {
    /// Where it goes.
    pub location: Option<Location>,
    /// Its name there or in the body.
    pub location_name: Option<Str>,
    /// EC2's name of it in requests.
    pub query_name: Option<Str>,
    /// Name space of its element.
    pub xml_namespace: Option<XmlNamespace>,
    /// An attribute of its parent's element.
    pub xml_attribute: bool,
    /// A list without an element around it.
    pub flattened: bool,
    /// Filled in by the SDK when not given.
    pub idempotency_token: bool,
    /// Part of the host name.
    pub host_label: bool,
    /// Text that holds JSON, base64 in a header.
    pub json_value: bool,
    /// Sent and read as a stream.
    pub streaming: bool,
    /// The payload of an event.
    pub event_payload: bool,
    /// The endpoint parameter it binds.
    pub context_param: Option<Str>,
}

/// An XML name space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmlNamespace {
    /// Its URI.
    pub uri: Str,
    /// Its prefix.
    pub prefix: Option<Str>,
}

/// A list's facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {
    /// Type of the elements.
    pub member: ShapeId,
    /// Element name of each in XML and query, `member` if there is none.
    pub location_name: Option<Str>,
    /// Without an element around it.
    pub flattened: bool,
    /// Whether elements may be null.
    pub sparse: bool,
    /// Name space of each element in XML.
    pub xml_namespace: Option<XmlNamespace>,
}

/// A map's facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Map {
    /// Type of the keys: a string.
    pub key: ShapeId,
    /// Type of the values.
    pub value: ShapeId,
    /// Element name of the keys in XML and query.
    pub key_name: Option<Str>,
    /// Element name of the values in XML and query.
    pub value_name: Option<Str>,
    /// Without an element around it.
    pub flattened: bool,
    /// Whether values may be null.
    pub sparse: bool,
    /// Name space of the keys' elements in XML.
    pub key_namespace: Option<XmlNamespace>,
    /// Name space of the values' elements in XML.
    pub value_namespace: Option<XmlNamespace>,
}
