//! XML of answers.

use newel_aws_catalog::model::{List, Location, Map, Member};
use newel_aws_catalog::{Service, ShapeId, ShapeKind};
use newel_value::{ObjectBuilder, Str, Value};
use roxmltree::{Document, Node, ParsingOptions};

use super::xml_write::element_name;
use super::{MAX_DEPTH, text};

/// Elements and texts of one answer; a larger one is refused before it costs more.
const MAX_NODES: u32 = 4_000_000;

/// Parses a document. Document types, and with them entities of the sender's own, are refused.
pub(super) fn document(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    Document::parse_with_options(text, options).map_err(|error| format!("the answer isn't XML: {error}"))
}

/// The wire's JSON of what an element holds.
pub(super) fn value(service: &Service, id: ShapeId, node: Node<'_, '_>) -> Value {
    Reader { service }.value(id, node, 0)
}

/// The value of a structure's only member where the document is nothing but that member: S3's `GetBucketLocation` answers
/// with a lone `<LocationConstraint>`.
pub(super) fn only_member(service: &Service, id: ShapeId, root: Node<'_, '_>) -> Option<(Str, Value)> {
    let [member] = service.members(id) else { return None };
    let shape = service.shape(member.shape);
    let is_scalar = !matches!(shape.kind, ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_));
    let is_it = is_in_body(member) && element_name(member) == root.tag_name().name();
    let alone = is_scalar && is_it && elements(root).next().is_none();
    alone.then(|| (Str::clone(member.wire_name()), text::parsed(shape, &content(root))))
}

struct Reader<'a> {
    service: &'a Service,
}

impl Reader<'_> {
    fn value(&self, id: ShapeId, node: Node<'_, '_>, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        let shape = self.service.shape(id);
        match &shape.kind {
            ShapeKind::Structure(structure) => self.structure(&structure.members, node, depth),
            ShapeKind::List(list) => {
                let name = list.location_name.as_deref().unwrap_or("member");
                let items = elements(node).filter(|child| child.tag_name().name() == name);
                items.map(|item| self.value(list.member, item, depth + 1)).collect()
            }
            ShapeKind::Map(map) => {
                self.entries(map, elements(node).filter(|child| child.tag_name().name() == "entry"), depth)
            }
            _ => text::parsed(shape, &content(node)),
        }
    }

    fn structure(&self, members: &[Member], node: Node<'_, '_>, depth: usize) -> Value {
        let mut object = ObjectBuilder::default();
        for member in members.iter().filter(|member| is_in_body(member)) {
            if let Some(value) = self.member(member, node, depth) {
                object.insert(Str::clone(member.wire_name()), value);
            }
        }
        object.build().into()
    }

    fn member(&self, member: &Member, parent: Node<'_, '_>, depth: usize) -> Option<Value> {
        let shape = self.service.shape(member.shape);
        let traits = member.traits.as_deref();
        let own = traits.and_then(|traits| traits.location_name.as_deref());
        let name = own.unwrap_or(&member.name);
        // Names come with a prefix in the model (`xsi:type`) and without in the parsed document.
        let local = name.rsplit(':').next().unwrap_or(name);
        if traits.is_some_and(|traits| traits.xml_attribute) {
            let attribute = parent.attributes().find(|attribute| attribute.name() == local)?;
            return Some(text::parsed(shape, attribute.value()));
        }
        let flattened = traits.is_some_and(|traits| traits.flattened);
        let named = |name: &'_ str| {
            let name = name.to_owned();
            elements(parent).filter(move |child| child.tag_name().name() == name)
        };
        match &shape.kind {
            ShapeKind::List(list) if list.flattened || flattened => {
                self.flattened(list, own, name, parent, depth)
            }
            ShapeKind::Map(map) if map.flattened || flattened => {
                let mut entries = named(local).peekable();
                entries.peek()?;
                Some(self.entries(map, entries, depth))
            }
            _ => named(local).next().map(|child| self.value(member.shape, child, depth + 1)),
        }
    }

    /// A list without an element around it: its elements go by the member's name, or by their own.
    fn flattened(
        &self,
        list: &List,
        own: Option<&str>,
        name: &str,
        parent: Node<'_, '_>,
        depth: usize,
    ) -> Option<Value> {
        let names = [own.unwrap_or(name), list.location_name.as_deref().unwrap_or(name)];
        let found = |child: &Node<'_, '_>| names.contains(&child.tag_name().name());
        let mut items = elements(parent).filter(found).peekable();
        items.peek()?;
        Some(items.map(|item| self.value(list.member, item, depth + 1)).collect())
    }

    fn entries<'n, 'i: 'n>(
        &self,
        map: &Map,
        entries: impl Iterator<Item = Node<'n, 'i>>,
        depth: usize,
    ) -> Value {
        let key_name = map.key_name.as_deref().unwrap_or("key");
        let value_name = map.value_name.as_deref().unwrap_or("value");
        let mut object = ObjectBuilder::default();
        for entry in entries {
            let part = |name: &str| elements(entry).find(|child| child.tag_name().name() == name);
            if let (Some(key), Some(value)) = (part(key_name), part(value_name)) {
                object.insert(content(key), self.value(map.value, value, depth + 1));
            }
        }
        object.build().into()
    }
}

/// Whether a member of an answer is in its body. Answers have neither path nor query, so what the model binds to those is.
pub(super) fn is_in_body(member: &Member) -> bool {
    let location = member.traits.as_ref().and_then(|traits| traits.location);
    matches!(location, None | Some(Location::Uri | Location::QueryString))
}

/// The elements in an element.
pub(super) fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// All text in an element.
pub(super) fn content(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|text| text.text()).collect()
}
