//! JSONata: the expressions of a JSONata state, each compiled once.

use newel_value::{Object, Str, Value};

use super::node::{Node, as_text};
use super::{Compiler, MAX_NESTING};
use crate::diagnostic::Code;
use crate::plan::{Jsonata, QueryLanguage, Template, TemplateMember};

/// The reserved variable.
const STATES: &str = "states";

/// What `$states` has where an expression stands, beside `input` and `context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sees {
    /// Nothing more.
    Input,
    /// `result`: once a Task, Parallel or Map has one.
    Result,
    /// `errorOutput`: in a catcher.
    ErrorOutput,
}

impl Sees {
    fn has(self, member: &str) -> bool {
        match member {
            "input" | "context" => true,
            "result" => self == Self::Result,
            "errorOutput" => self == Self::ErrorOutput,
            _ => false,
        }
    }
}

/// What a string of a JSONata state is.
#[derive(Debug, PartialEq, Eq)]
enum Text<'a> {
    /// Itself.
    Literal,
    /// An expression: what stands between the delimiters.
    Expression(&'a str),
    /// Neither: a delimiter is missing.
    HalfOpen,
}

fn text(text: &str) -> Text<'_> {
    match (text.strip_prefix("{%"), text.ends_with("%}")) {
        (None, false) => Text::Literal,
        (Some(rest), true) => {
            rest.strip_suffix("%}").map_or(Text::HalfOpen, |inner| Text::Expression(inner.trim()))
        }
        _ => Text::HalfOpen,
    }
}

/// A field that may be an expression.
pub(super) enum Field {
    /// It is none.
    Plain,
    /// It is one.
    Expression(Box<Jsonata>),
    /// It is one that was refused.
    Refused,
}

impl Compiler<'_> {
    /// Whether the state being read is a JSONata state.
    pub(super) fn is_jsonata(&self) -> bool {
        self.here.language == QueryLanguage::Jsonata
    }

    /// What a field of the state being read is, if it is a JSONata state.
    pub(super) fn expression_field(&mut self, node: &Node<'_>, field: &str) -> Field {
        let written = node.get(field).and_then(Value::as_str).filter(|_| self.is_jsonata());
        written.map_or(Field::Plain, |written| self.jsonata(written, &node.at(field), Sees::Input))
    }

    /// A field of a JSONata state that is any JSON value; strings in it may be expressions.
    pub(super) fn jsonata_template(&mut self, node: &Node<'_>, field: &str, sees: Sees) -> Option<Template> {
        let value = node.get(field)?;
        self.jsonata_value(value, node.at(field), sees, 0)
    }

    fn jsonata_value(
        &mut self,
        value: &Value,
        location: String,
        sees: Sees,
        depth: usize,
    ) -> Option<Template> {
        if depth > MAX_NESTING {
            self.too_deep("Payload templates", location);
            return None;
        }
        match value {
            Value::Object(object) => self.jsonata_object(object, &location, sees, depth),
            Value::Array(elements) => {
                let templates: Vec<Option<Template>> = elements
                    .iter()
                    .enumerate()
                    .map(|(i, element)| {
                        self.jsonata_value(element, format!("{location}[{i}]"), sees, depth + 1)
                    })
                    .collect();
                let templates = templates.into_iter().collect::<Option<Vec<Template>>>()?;
                let literal = templates.iter().all(|template| matches!(template, Template::Literal(_)));
                Some(if literal { Template::Literal(value.clone()) } else { Template::Array(templates) })
            }
            Value::String(written) => match self.jsonata(written, &location, sees) {
                Field::Plain => Some(Template::Literal(value.clone())),
                Field::Expression(jsonata) => Some(Template::Jsonata(jsonata)),
                Field::Refused => None,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(Template::Literal(value.clone())),
        }
    }

    fn jsonata_object(
        &mut self,
        object: &Object,
        location: &str,
        sees: Sees,
        depth: usize,
    ) -> Option<Template> {
        let members: Vec<Option<(Str, Template)>> = object
            .iter()
            .map(|(key, value)| {
                let template = self.jsonata_value(value, format!("{location}/{key}"), sees, depth + 1)?;
                Some((key.clone(), template))
            })
            .collect();
        let members = members.into_iter().collect::<Option<Vec<_>>>()?;
        if members.iter().all(|(_, template)| matches!(template, Template::Literal(_))) {
            return Some(Template::Literal(object.clone().into()));
        }
        let nested = |(name, template)| (name, TemplateMember::Nested(template));
        Some(Template::Object(members.into_iter().map(nested).collect()))
    }

    /// Compiles a string of a JSONata state if it is an expression.
    pub(super) fn jsonata(&mut self, written: &str, location: &str, sees: Sees) -> Field {
        let source = match text(written) {
            Text::Literal => return Field::Plain,
            Text::Expression(source) => source,
            Text::HalfOpen => {
                let message = "A JSONata expression must start with '{%' and end with '%}'";
                self.refuse_expression(Code::InvalidJsonataExpression, message.to_owned(), location);
                return Field::Refused;
            }
        };
        let expression = match newel_jsonata::Expression::parse(source) {
            Ok(expression) => expression,
            Err(error) => {
                self.refuse_expression(Code::InvalidJsonataExpression, error.message(), location);
                return Field::Refused;
            }
        };
        let mut refused: Vec<String> = Vec::new();
        for reference in expression.references().iter().filter(|reference| &*reference.name == STATES) {
            if let Some(member) = reference.members.first().filter(|member| !sees.has(member)) {
                let message = format!("Field '$states.{member}' does not exist.");
                if !refused.contains(&message) {
                    refused.push(message);
                }
            }
        }
        refused.extend(expression.input_references().iter().map(|name| match &**name {
            "$$" => "Reference to '$$' is not supported.".to_owned(),
            name => format!("Reference to '{name}' at the top level is not supported."),
        }));
        if refused.is_empty() {
            let field = location.get(self.here.fields_from..).unwrap_or(location).into();
            return Field::Expression(Box::new(Jsonata { field, expression }));
        }
        for message in refused {
            self.refuse_expression(Code::UnsupportedJsonataExpression, message, location);
        }
        Field::Refused
    }

    fn refuse_expression(&mut self, code: Code, message: String, location: &str) {
        self.found.report(code, message, Some(location.to_owned()));
    }

    /// The field that says what something is called with.
    pub(super) fn parameters_field(&self) -> &'static str {
        match self.here.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        }
    }

    /// `Arguments` of a JSONata state, `Parameters` of a JSONPath one.
    pub(super) fn arguments(&mut self, node: &Node<'_>) -> Option<Template> {
        self.template_or_value(node, self.parameters_field())
    }

    /// `Output` of a JSONata state, choice rule or catcher.
    pub(super) fn output(&mut self, node: &Node<'_>, sees: Sees) -> Option<Template> {
        match self.here.language {
            QueryLanguage::JsonPath => None,
            QueryLanguage::Jsonata => self.jsonata_template(node, "Output", sees),
        }
    }

    /// A field that is a template of objects in a JSONPath state, and any value in a JSONata one.
    pub(super) fn template_or_value(&mut self, node: &Node<'_>, field: &str) -> Option<Template> {
        match self.here.language {
            QueryLanguage::JsonPath => self.template(node, field),
            QueryLanguage::Jsonata => self.jsonata_template(node, field, Sees::Input),
        }
    }

    /// `Condition` of a choice rule: a truth value or an expression.
    pub(super) fn jsonata_condition(&mut self, node: &Node<'_>) -> Option<crate::plan::Condition> {
        use crate::plan::Condition;
        let field = "Condition";
        match self.expression_field(node, field) {
            Field::Expression(jsonata) => Some(Condition::Jsonata(jsonata)),
            Field::Refused => None,
            Field::Plain if node.get(field).and_then(as_text).is_some() => {
                self.fault("Expected value of type Boolean or a JSONata expression", node.at(field));
                None
            }
            Field::Plain => self.boolean(node, field).map(Condition::Constant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_a_string_between_the_delimiters() {
        for (written, expect) in [
            ("{% 1 %}", Text::Expression("1")),
            ("{%$x%}", Text::Expression("$x")),
            ("{%%}", Text::Expression("")),
            (" {% 1 %}", Text::HalfOpen),
            (" {% 1 %} ", Text::Literal),
            ("{% 1 %} ", Text::HalfOpen),
            ("{% 1", Text::HalfOpen),
            ("1 %}", Text::HalfOpen),
            ("{%}", Text::HalfOpen),
            ("100 %", Text::Literal),
            ("", Text::Literal),
        ] {
            assert_eq!(text(written), expect, "{written:?}");
        }
    }
}
