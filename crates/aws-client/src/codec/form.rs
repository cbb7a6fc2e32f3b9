//! AWS query and its variant of EC2: form-encoded requests, XML answers.
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>,
//! <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>.

use newel_aws_catalog::model::{Member, TimestampFormat};
use newel_aws_catalog::{ShapeId, ShapeKind, naming};
use newel_value::Value;

use super::{Call, Request, Response, text, xml_read};

/// The two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Query,
    Ec2,
}

pub(super) fn write(call: Call<'_>, body: &Value, dialect: Dialect) -> Result<Request, String> {
    let mut form = Form { call, dialect, text: String::new() };
    form.pair("Action", &call.operation.name);
    form.pair("Version", &call.service.metadata().api_version);
    if let Some(input) = call.operation.input {
        form.value(input, body, "", false);
    }
    let mut request = Request { method: "POST".into(), path: "/".into(), ..Request::default() };
    request.header("content-type", "application/x-www-form-urlencoded");
    request.body = form.text.into_bytes();
    Ok(request)
}

struct Form<'a> {
    call: Call<'a>,
    dialect: Dialect,
    text: String,
}

impl Form<'_> {
    fn pair(&mut self, key: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.push_str(&text::encode(key, false));
        self.text.push('=');
        self.text.push_str(&text::encode(value, false));
    }

    /// `flattened`: whether the member says so, besides what its shape says.
    fn value(&mut self, id: ShapeId, value: &Value, at: &str, flattened: bool) {
        let service = self.call.service;
        let shape = service.shape(id);
        match (&shape.kind, value) {
            (ShapeKind::Structure(structure), Value::Object(object)) => {
                for member in &structure.members {
                    if let Some(value) = object.get(member.wire_name()).filter(|value| !value.is_null()) {
                        self.member(member, value, at);
                    }
                }
            }
            (ShapeKind::List(_), Value::Array(items)) if items.is_empty() => {
                if self.dialect == Dialect::Query {
                    self.pair(at, "");
                }
            }
            (ShapeKind::List(list), Value::Array(items)) => {
                let prefix = match (self.dialect, list.flattened || flattened) {
                    (Dialect::Ec2, _) | (_, true) => at.to_owned(),
                    _ => joined(at, list.location_name.as_deref().unwrap_or("member")),
                };
                for (i, item) in (1..).zip(items.iter()) {
                    self.value(list.member, item, &format!("{prefix}.{i}"), false);
                }
            }
            (ShapeKind::Map(map), Value::Object(object)) => {
                let prefix = if map.flattened || flattened { at.to_owned() } else { joined(at, "entry") };
                for (i, (key, value)) in (1..).zip(object.iter()) {
                    let entry = format!("{prefix}.{i}");
                    self.pair(&joined(&entry, map.key_name.as_deref().unwrap_or("key")), key);
                    let value_at = joined(&entry, map.value_name.as_deref().unwrap_or("value"));
                    self.value(map.value, value, &value_at, false);
                }
            }
            _ => self.pair(at, &text::of(shape, value, TimestampFormat::Iso8601)),
        }
    }

    fn member(&mut self, member: &Member, value: &Value, at: &str) {
        let traits = member.traits.as_deref();
        let location = traits.and_then(|traits| traits.location_name.as_deref());
        let name = match self.dialect {
            Dialect::Query => location.unwrap_or(&member.name).to_owned(),
            Dialect::Ec2 => match traits.and_then(|traits| traits.query_name.as_deref()) {
                Some(name) => name.to_owned(),
                None => naming::capitalize(location.unwrap_or(&member.name)),
            },
        };
        // A flattened list goes by the name of its elements, where they have one.
        let renamed = match &self.call.service.shape(member.shape).kind {
            ShapeKind::List(list) if list.flattened && self.dialect == Dialect::Query => {
                list.location_name.as_deref().map(str::to_owned)
            }
            _ => None,
        };
        let flattened = traits.is_some_and(|traits| traits.flattened);
        self.value(member.shape, value, &joined(at, &renamed.unwrap_or(name)), flattened);
    }
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

pub(super) fn read(call: Call<'_>, response: Response<'_>, dialect: Dialect) -> Result<Value, String> {
    let Some(output) = call.operation.output else { return Ok(Value::empty_object()) };
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::empty_object());
    }
    let document = xml_read::document(response.text()?)?;
    let root = document.root_element();
    let result = format!("{}Result", call.operation.name);
    let wrapper = call.operation.result_wrapper.as_deref().unwrap_or(&result);
    let wrapped = |node: &roxmltree::Node<'_, '_>| node.is_element() && node.tag_name().name() == wrapper;
    let start = match dialect {
        Dialect::Query => root.children().find(wrapped).unwrap_or(root),
        Dialect::Ec2 => root,
    };
    Ok(xml_read::value(call.service, output, start))
}
