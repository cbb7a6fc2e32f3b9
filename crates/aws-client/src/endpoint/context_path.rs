//! The paths of `operationContextParams`: the part of JMESPath that AWS's models use.
//!
//! `Table.Name`, `Items[*].Get.TableName`, `Items[*].[Put.Name, Delete.Name][]`, `keys(Items)`.

use std::sync::Arc;

use newel_aws_catalog::{Service, ShapeId, ShapeKind};
use newel_value::{Str, Value};

/// How deep selections may nest in each other. AWS's nest once.
const MAX_DEPTH: usize = 8;

/// What the path leads to in a request: a value, or an array if the path may lead to several. None if the path is none
/// of this language, or leads nowhere.
///
/// The path has the model's names, `body` those of the wire, so the shape leads along.
pub(super) fn find(path: &str, service: &Service, shape: Option<ShapeId>, body: &Value) -> Option<Value> {
    let (inner, keys) = match path.strip_prefix("keys(").and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => (inner, true),
        None => (path, false),
    };
    let steps = Parser { rest: inner }.steps(0)?;
    let mut found = Vec::new();
    walk(&steps, service, Node { value: body, shape }, &mut found);
    if keys {
        let keys = found.iter().filter_map(|node| node.value.as_object()).flat_map(|object| object.keys());
        return Some(Value::Array(Arc::new(keys.map(|key| Value::String(Str::clone(key))).collect())));
    }
    if steps.iter().any(|step| !matches!(step, Step::Field(_))) {
        return Some(Value::Array(Arc::new(found.into_iter().map(|node| node.value.clone()).collect())));
    }
    found.first().map(|node| node.value.clone())
}

enum Step<'p> {
    Field(&'p str),
    /// `[*]` and `[]`: the results of the walk are one flat list, so both are the items of a list.
    Each,
    /// `[a, b]`
    Select(Vec<Vec<Step<'p>>>),
}

struct Parser<'p> {
    rest: &'p str,
}

impl<'p> Parser<'p> {
    /// Steps up to the end, or to what ends a part of a selection.
    fn steps(&mut self, depth: usize) -> Option<Vec<Step<'p>>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut steps: Vec<Step<'p>> = Vec::new();
        loop {
            if self.skip("[*]") {
                steps.push(Step::Each);
            } else if self.skip("[]") {
                // A selection is spread out already.
                if !matches!(steps.last(), Some(Step::Select(_))) {
                    steps.push(Step::Each);
                }
            } else if self.skip("[") {
                steps.push(Step::Select(self.parts(depth)?));
            } else {
                let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Field(name));
                self.rest = rest;
            }
            match self.rest.chars().next() {
                None | Some(',' | ']') if depth > 0 || self.rest.is_empty() => return Some(steps),
                Some('.') => self.rest = &self.rest[1..],
                Some('[') => {}
                _ => return None,
            }
        }
    }

    /// The parts of a selection, its closing bracket too.
    fn parts(&mut self, depth: usize) -> Option<Vec<Vec<Step<'p>>>> {
        let mut parts = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            parts.push(self.steps(depth + 1)?);
            if self.skip("]") {
                return Some(parts);
            }
            if !self.skip(",") {
                return None;
            }
        }
    }

    fn skip(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[derive(Clone, Copy)]
struct Node<'v> {
    value: &'v Value,
    shape: Option<ShapeId>,
}

impl<'v> Node<'v> {
    fn field(self, name: &str, service: &Service) -> Option<Self> {
        let members = self.shape.map(|shape| service.members(shape)).unwrap_or_default();
        let member = members.iter().find(|member| *member.name == *name);
        let value = self.value.get(member.map_or(name, |member| member.wire_name()))?;
        Some(Self { value, shape: member.map(|member| member.shape) })
    }

    fn items(self, service: &Service) -> impl Iterator<Item = Self> + use<'v> {
        let shape = self.shape.and_then(|shape| match &service.shape(shape).kind {
            ShapeKind::List(list) => Some(list.member),
            _ => None,
        });
        self.value.as_array().unwrap_or_default().iter().map(move |value| Self { value, shape })
    }
}

fn walk<'v>(steps: &[Step<'_>], service: &Service, node: Node<'v>, found: &mut Vec<Node<'v>>) {
    match steps.split_first() {
        None if node.value.is_null() => {}
        None => found.push(node),
        Some((Step::Field(name), rest)) => {
            if let Some(field) = node.field(name, service) {
                walk(rest, service, field, found);
            }
        }
        Some((Step::Each, rest)) => node.items(service).for_each(|item| walk(rest, service, item, found)),
        Some((Step::Select(parts), rest)) => {
            let mut selected = Vec::new();
            parts.iter().for_each(|part| walk(part, service, node, &mut selected));
            selected.into_iter().for_each(|node| walk(rest, service, node, found));
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_aws_catalog::Catalog;

    use super::*;

    fn found(path: &str) -> Option<String> {
        let model = r#"{"metadata": {"endpointPrefix": "x", "serviceId": "X", "serviceFullName": "X", "apiVersion": "1",
            "signatureVersion": "v4", "protocol": "json"},
            "operations": {"Do": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "In"}}},
            "shapes": {"In": {"type": "structure", "members": {"Items": {"shape": "Items"}, "Name": {"shape": "S", "locationName": "n"}}},
                       "Items": {"type": "list", "member": {"shape": "Item"}},
                       "Item": {"type": "structure", "members": {"Put": {"shape": "Put", "locationName": "p"}, "Get": {"shape": "Put"}}},
                       "Put": {"type": "structure", "members": {"Table": {"shape": "S"}}},
                       "S": {"type": "string"}}}"#;
        let model = Value::parse(model).expect("JSON");
        let catalog = Catalog::from_models([("x", &model)]).expect("a catalog");
        let service = catalog.botocore("x").expect("undamaged").expect("x");
        let body = Value::parse(
            r#"{"n": "name", "Items": [{"p": {"Table": "a"}}, {"Get": {"Table": "b"}, "p": {"Table": "c"}}, {"p": null}],
                "map": {"k1": 1, "k2": 2}}"#,
        );
        let input = service.operation("Do").and_then(|operation| operation.input);
        find(path, service, input, &body.expect("JSON")).map(|value| value.to_json())
    }

    #[test]
    fn paths_of_the_models() {
        for (path, wanted) in [
            ("Name", Some(r#""name""#)),
            ("Items[*].Put.Table", Some(r#"["a","c"]"#)),
            ("Items[].Get.Table", Some(r#"["b"]"#)),
            ("Items[*].[Put.Table, Get.Table][]", Some(r#"["a","c","b"]"#)),
            ("keys(map)", Some(r#"["k1","k2"]"#)),
            ("keys(Name)", Some("[]")),
            ("Nothing", None),
            ("Nothing[*].x", Some("[]")),
        ] {
            assert_eq!(found(path).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for path in [
            "", ".", "a.", "a..b", "[", "a[", "a[b", "a]", "a,b", "a[b,]", "a | b", "a[?x]", "keys(a", "ä",
            "a[0]b!",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        assert_eq!(found(&"[".repeat(10_000)), None);
    }
}
