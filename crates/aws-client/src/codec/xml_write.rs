//! XML of requests: <https://smithy.io/2.0/spec/protocol-traits.html#xml-bindings>.

use newel_aws_catalog::model::{Member, TimestampFormat, XmlNamespace};
use newel_aws_catalog::{Service, ShapeId, ShapeKind};
use newel_value::Value;

use super::text;

/// The document of a value: one element of that name.
pub(super) fn document(
    service: &Service,
    id: ShapeId,
    value: &Value,
    name: &str,
    namespace: Option<&XmlNamespace>,
) -> String {
    let mut writer = Writer { service, out: String::new() };
    writer.element(name, namespace, id, value);
    writer.out
}

struct Writer<'a> {
    service: &'a Service,
    out: String,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, namespace: Option<&XmlNamespace>, id: ShapeId, value: &Value) {
        let service = self.service;
        let own = match &service.shape(id).kind {
            ShapeKind::Structure(structure) => structure.xml_namespace.as_ref(),
            _ => None,
        };
        self.out.push('<');
        self.out.push_str(name);
        if let Some(namespace) = namespace.or(own) {
            let attribute = namespace
                .prefix
                .as_ref()
                .map_or_else(|| "xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"));
            self.attribute(&attribute, &namespace.uri);
        }
        self.attributes(id, value);
        self.out.push('>');
        self.content(id, value);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape(value, &mut self.out);
        self.out.push('"');
    }

    /// The members of a structure that are attributes of its element.
    fn attributes(&mut self, id: ShapeId, value: &Value) {
        let service = self.service;
        for member in service.members(id) {
            if let Some(value) = given(member, value).filter(|_| is_attribute(member)) {
                let shape = service.shape(member.shape);
                self.attribute(element_name(member), &text::of(shape, value, TimestampFormat::Iso8601));
            }
        }
    }

    fn content(&mut self, id: ShapeId, value: &Value) {
        let service = self.service;
        let shape = service.shape(id);
        match (&shape.kind, value) {
            (ShapeKind::Structure(structure), Value::Object(_)) => {
                let in_body = |member: &&Member| {
                    !is_attribute(member) && member.traits.as_ref().is_none_or(|t| t.location.is_none())
                };
                for member in structure.members.iter().filter(in_body) {
                    if let Some(value) = given(member, value) {
                        self.member(member, value);
                    }
                }
            }
            (ShapeKind::List(list), Value::Array(items)) => {
                let name = list.location_name.as_deref().unwrap_or("member");
                for item in items.iter() {
                    self.element(name, list.xml_namespace.as_ref(), list.member, item);
                }
            }
            (ShapeKind::Map(_), Value::Object(_)) => self.entries("entry", id, value),
            _ => escape(&text::of(shape, value, TimestampFormat::Iso8601), &mut self.out),
        }
    }

    fn member(&mut self, member: &Member, value: &Value) {
        let traits = member.traits.as_deref();
        let namespace = traits.and_then(|traits| traits.xml_namespace.as_ref());
        let flattened = traits.is_some_and(|traits| traits.flattened);
        let name = element_name(member);
        match (&self.service.shape(member.shape).kind, value) {
            (ShapeKind::List(list), Value::Array(items)) if list.flattened || flattened => {
                let named = traits.is_some_and(|traits| traits.location_name.is_some());
                let name = if named { name } else { list.location_name.as_deref().unwrap_or(name) };
                for item in items.iter() {
                    self.element(name, namespace.or(list.xml_namespace.as_ref()), list.member, item);
                }
            }
            (ShapeKind::Map(map), Value::Object(_)) if map.flattened || flattened => {
                self.entries(name, member.shape, value);
            }
            _ => self.element(name, namespace, member.shape, value),
        }
    }

    /// One element for each entry of a map.
    fn entries(&mut self, name: &str, id: ShapeId, value: &Value) {
        let service = self.service;
        let (ShapeKind::Map(map), Value::Object(object)) = (&service.shape(id).kind, value) else { return };
        let key_name = map.key_name.as_deref().unwrap_or("key");
        let value_name = map.value_name.as_deref().unwrap_or("value");
        for (key, value) in object.iter() {
            self.out.push('<');
            self.out.push_str(name);
            self.out.push('>');
            let key = Value::from(newel_value::Str::clone(key));
            self.element(key_name, map.key_namespace.as_ref(), map.key, &key);
            self.element(value_name, map.value_namespace.as_ref(), map.value, value);
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }
}

fn is_attribute(member: &Member) -> bool {
    member.traits.as_ref().is_some_and(|traits| traits.xml_attribute)
}

fn given<'v>(member: &Member, value: &'v Value) -> Option<&'v Value> {
    value.get(member.wire_name()).filter(|value| !value.is_null())
}

/// The name of a member's element.
pub(super) fn element_name(member: &Member) -> &str {
    let name = member.traits.as_deref().and_then(|traits| traits.location_name.as_deref());
    name.unwrap_or(&member.name)
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Parsers fold these into blanks and line ends unless they are spelled out.
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\u{85}' => out.push_str("&#x85;"),
            '\u{2028}' => out.push_str("&#x2028;"),
            _ => out.push(c),
        }
    }
}
