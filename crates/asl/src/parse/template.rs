//! Payload templates.

use newel_value::{Object, Str, Value};

use super::node::{Node, as_text};
use super::query::{expression, looks_computed};
use super::variable::COMPUTED;
use super::{Compiler, MAX_NESTING};
use crate::diagnostic::Code;
use crate::plan::{Template, TemplateMember};

impl Compiler<'_> {
    /// A field that is a payload template: an object, some of whose members are computed.
    pub(super) fn template(&mut self, node: &Node<'_>, field: &str) -> Option<Template> {
        let written = self.object(node, field)?;
        self.object_template(written.object, &written.location, 0)
    }

    fn object_template(&mut self, object: &Object, location: &str, depth: usize) -> Option<Template> {
        let mut members = Vec::with_capacity(object.len());
        let mut complete = true;
        let mut literal = true;
        for (key, value) in object.iter() {
            let member = match key.strip_suffix(COMPUTED) {
                Some(name) => self.computed(key, value, location).map(|member| (name.into(), member)),
                None => self
                    .any_template(value, key, location, depth)
                    .map(|template| (key.clone(), TemplateMember::Nested(template))),
            };
            complete &= member.is_some();
            members.extend(member);
            literal &= matches!(members.last(), Some((_, TemplateMember::Nested(Template::Literal(_)))));
        }
        if !complete {
            return None;
        }
        Some(if literal { Template::Literal(object.clone().into()) } else { Template::Object(members) })
    }

    fn computed(&mut self, key: &Str, value: &Value, location: &str) -> Option<TemplateMember> {
        let expression = as_text(value).and_then(expression);
        if expression.is_none() {
            let message = format!(
                "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
            );
            self.fault(message, location.to_owned());
        }
        Some(TemplateMember::Computed { field: key.clone(), expression: expression? })
    }

    /// The template of a member's value or an array's element. `key` is the nearest member's name.
    fn any_template(&mut self, value: &Value, key: &str, location: &str, depth: usize) -> Option<Template> {
        if depth == MAX_NESTING {
            self.too_deep("Payload templates", location.to_owned());
            return None;
        }
        match value {
            Value::Object(object) => self.object_template(object, &format!("{location}/{key}"), depth + 1),
            Value::Array(elements) => {
                let templates: Vec<Option<Template>> = elements
                    .iter()
                    .enumerate()
                    .map(|(i, element)| {
                        self.any_template(element, &format!("{key}[{i}]"), location, depth + 1)
                    })
                    .collect();
                let templates = templates.into_iter().collect::<Option<Vec<Template>>>()?;
                let literal = templates.iter().all(|template| matches!(template, Template::Literal(_)));
                Some(if literal { Template::Literal(value.clone()) } else { Template::Array(templates) })
            }
            Value::String(text) => {
                if looks_computed(text) {
                    let message = format!(
                        "Field '{key}' looks like a JSONPath or an intrinsic function call, but its name does not \
                         end with '.$'"
                    );
                    self.found.report(Code::NoDollar, message, Some(location.to_owned()));
                }
                Some(Template::Literal(value.clone()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(Template::Literal(value.clone())),
        }
    }
}

/// Whether a member somewhere in a value is named as a computed one is.
pub(super) fn has_computed_names(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.iter().any(|(key, value)| key.ends_with(COMPUTED) || has_computed_names(value))
        }
        Value::Array(elements) => elements.iter().any(has_computed_names),
        _ => false,
    }
}
