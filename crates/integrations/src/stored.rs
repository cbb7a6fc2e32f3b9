//! Payloads that are in Amazon S3 and not in the state: what `Input.S3Uri` names is the request's, and the answer's goes to
//! what `Output.S3Uri` names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::{ShapeId, TemplateSyntax};
use newel_value::{Object, ObjectBuilder, Str, Value};

use crate::descriptor::Stored;
use crate::failure::{ServiceError, TaskFailure, class};
use crate::integration::{Integration, WireRequest};
use crate::offered::name_faults;

const INPUT: &str = "Input";
const OUTPUT: &str = "Output";
const URI: &str = "S3Uri";
/// The parameters that are Step Functions' own.
pub(crate) const BESIDES: &[&str] = &[INPUT, OUTPUT];
/// The media type of an object that was stored without one.
const UNTOLD: &str = "binary/octet-stream";
/// The service's name in ARNs.
const S3: &str = "s3";

/// An object in Amazon S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    bucket: String,
    key: String,
}

/// The objects that a task's parameters name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredObjects {
    /// The request's payload is in it.
    pub input: Option<StoredObject>,
    /// The answer's payload goes there.
    pub output: Option<StoredObject>,
}

impl StoredObject {
    fn parse(uri: &str) -> Option<Self> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        let whole = !bucket.is_empty() && !key.is_empty();
        whole.then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn named(&self) -> ObjectBuilder {
        let mut body = ObjectBuilder::with_capacity(4);
        body.insert("Bucket", &*self.bucket).insert("Key", &*self.key);
        body
    }

    /// The call that reads it.
    #[must_use]
    pub fn get(&self) -> WireRequest {
        WireRequest { service: S3, operation: "GetObject", body: self.named().build().into() }
    }
}

/// What is wrong with the members besides those of the API, as far as it can be told: in parameters, or with `syntax` in a
/// template for them.
pub(crate) fn faults(stored: &Stored, given: &Value, syntax: Option<TemplateSyntax>) -> Vec<String> {
    let Value::Object(given) = given else { return Vec::new() };
    let has = |name: &str| given.keys().any(|key| key.strip_suffix(".$").unwrap_or(key) == name);
    let mut faults = Vec::new();
    if !has(stored.payload) && !has(INPUT) {
        faults.push(format!("The field '{}' is required but was missing", stored.payload));
    }
    if has(stored.payload) && has(INPUT) {
        faults.push(format!("Only one of the fields '{}' and '{INPUT}' may be given", stored.payload));
    }
    for name in BESIDES {
        match given.get(name) {
            Some(Value::Object(place)) => {
                faults.extend(name_faults(&[URI], &[], place, syntax));
                let uri = place.get(URI).filter(|_| syntax.is_none());
                if uri.is_some_and(|uri| uri.as_str().and_then(StoredObject::parse).is_none()) {
                    faults.push(format!("The value of the field '{URI}' has an invalid format"));
                }
            }
            Some(given) if syntax.is_none() && !given.is_null() => {
                faults.push(format!("The value of the field '{name}' has an invalid format"));
            }
            _ => {}
        }
    }
    faults
}

impl Integration<'_> {
    /// The objects that parameters name; none where the action doesn't take them.
    #[must_use]
    pub fn stored(&self, parameters: &Value) -> StoredObjects {
        if self.action.stored.is_none() {
            return StoredObjects::default();
        }
        let object = |name: &str| StoredObject::parse(parameters.get(name)?.get(URI)?.as_str()?);
        StoredObjects { input: object(INPUT), output: object(OUTPUT) }
    }

    /// The request with the payload that was read: the answer to [`StoredObject::get`]. Its media type is the object's, if
    /// the parameters name none, and JSON if that has none.
    #[must_use]
    pub fn with_stored_input(&self, request: WireRequest, read: &Value) -> WireRequest {
        let Some(stored) = self.action.stored else { return request };
        let mut body = request.body.as_object().cloned().unwrap_or_default().to_builder();
        body.insert(
            self.wire_name(Some(self.input), stored.payload),
            read.get("Body").cloned().unwrap_or_default(),
        );
        let media_type = self.wire_name(Some(self.input), stored.media_type);
        if body.get(&media_type).is_none() {
            let told = read.get("ContentType").filter(|told| told.as_str() != Some(UNTOLD));
            body.insert(media_type, told.cloned().unwrap_or_else(|| "application/json".into()));
        }
        WireRequest { body: body.build().into(), ..request }
    }

    /// The call that stores an answer's payload.
    #[must_use]
    pub fn store_output(&self, object: &StoredObject, answer: &Value) -> WireRequest {
        let mut body = object.named();
        if let Some(stored) = self.action.stored {
            body.insert_some("Body", answer.get(&self.wire_name(self.output, stored.payload)).cloned());
            body.insert_some(
                "ContentType",
                answer.get(&self.wire_name(self.output, stored.media_type)).cloned(),
            );
        }
        WireRequest { service: S3, operation: "PutObject", body: body.build().into() }
    }

    /// The answer with the object's URI in the payload's place.
    #[must_use]
    pub fn with_reference(&self, answer: &Value, object: &StoredObject) -> Value {
        let mut shown = answer.as_object().cloned().unwrap_or_default().to_builder();
        if let Some(stored) = self.action.stored {
            shown.insert(self.wire_name(self.output, stored.payload), BASE64.encode(object.uri()));
        }
        shown.build().into()
    }

    /// The failure of a task whose object can't be read or written.
    #[must_use]
    pub fn object_failure(&self, object: &StoredObject, error: &ServiceError) -> TaskFailure {
        let code = error.code();
        let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
        TaskFailure {
            error: format!("S3.{}", class(code)),
            cause: format!(
                "{}: {} (Service: S3; Status Code: {}; Error Code: {code}; Request ID: {})",
                object.uri(),
                or_null(&error.message),
                error.status,
                or_null(&error.request_id),
            ),
        }
    }

    fn wire_name(&self, shape: Option<ShapeId>, name: &str) -> Str {
        let members = shape.map_or(&[][..], |shape| self.api.members(shape));
        let member = members.iter().find(|member| *member.capitalized == *name);
        member.map_or_else(|| name.into(), |member| Str::clone(member.wire_name()))
    }
}

/// Parameters without the members besides those of the API.
pub(crate) fn without_places(parameters: &Value) -> Value {
    let Value::Object(given) = parameters else { return parameters.clone() };
    let kept = given.iter().filter(|(key, _)| !BESIDES.contains(&key.strip_suffix(".$").unwrap_or(key)));
    kept.map(|(key, value)| (Str::clone(key), value.clone())).collect::<Object>().into()
}
