//! Paths and expressions.

use newel_jsonpath::{JsonPath, ReferencePath};
use newel_value::{Number, Str, Value};

use super::Compiler;
use super::intrinsic;
use super::jsonata::Field;
use super::node::{Bounds, Node};
use crate::name::{continues_identifier, starts_identifier};
use crate::plan::{DataPath, Expression, Query, ResultPath, Setting};

const NOT_A_PATH: &str = "Value must be a valid JSONPath.";
const NOT_A_REFERENCE: &str = "Value is not a Reference Path";
const NO_DOLLAR: &str = "Value is not a Reference Path: Reference path didn't start with '$'";

impl Query {
    /// Whether it names one place in the input, the context object or a variable.
    fn is_reference(&self) -> bool {
        match self {
            Self::Input(path) | Self::Context(path) | Self::Variable(_, path) => path.is_reference_path(),
            Self::Intrinsic(_) => false,
        }
    }
}

/// A path: `$…` into the input, `$$…` into the context object, `$name…` into a variable.
pub(super) fn path(text: &str) -> Option<Query> {
    let rest = text.strip_prefix('$')?;
    if rest.starts_with('$') {
        return JsonPath::parse(rest).ok().map(Query::Context);
    }
    if rest.starts_with(starts_identifier) {
        let end = rest.find(|c| !continues_identifier(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return JsonPath::parse_after_root(rest).ok().map(|path| Query::Variable(name.into(), path));
    }
    JsonPath::parse(text).ok().map(Query::Input)
}

/// A path or an intrinsic function call.
pub(super) fn expression(source: Str) -> Option<Expression> {
    let query = if source.starts_with('$') {
        path(&source)?
    } else {
        Query::Intrinsic(Box::new(intrinsic::parse(&source)?))
    };
    Some(Expression { source, query })
}

/// Whether a text that isn't computed looks as if it was meant to be.
pub(super) fn looks_computed(text: &str) -> bool {
    let path_like = ["$.", "$[", "$$."].iter().any(|start| text.starts_with(start));
    let call_like = text.starts_with("States.") && text.ends_with(')');
    (path_like && path(text).is_some()) || (call_like && intrinsic::parse(text).is_some())
}

impl Compiler<'_> {
    /// `InputPath` or `OutputPath`.
    pub(super) fn data_path(&mut self, node: &Node<'_>, field: &str) -> DataPath {
        let Some(value) = node.get(field) else { return DataPath::Whole };
        if value.is_null() {
            return DataPath::Empty;
        }
        match value.as_str().and_then(path) {
            Some(Query::Input(path)) if path.is_root() => DataPath::Whole,
            Some(query) => DataPath::Path(query),
            None => {
                self.fault(NOT_A_PATH, node.at(field));
                DataPath::Whole
            }
        }
    }

    /// `ResultPath`, which neither the context object nor a variable can be.
    pub(super) fn result_path(&mut self, node: &Node<'_>) -> ResultPath {
        let field = "ResultPath";
        let text = match node.get(field) {
            None => return ResultPath::Replace,
            Some(Value::Null) => return ResultPath::Discard,
            Some(value) => value.as_str().unwrap_or_default(),
        };
        match ReferencePath::parse(text) {
            Ok(path) if path.is_root() => ResultPath::Replace,
            Ok(path) => ResultPath::At(path),
            Err(_) => {
                self.fault(reference_fault(text), node.at(field));
                ResultPath::Replace
            }
        }
    }

    /// A reference path into the input, the context object or a variable.
    pub(super) fn reference(&mut self, node: &Node<'_>, field: &str) -> Option<Expression> {
        self.reference_if(node, field, Query::is_reference)
    }

    /// A reference path into the input or a variable: where numbers and times come from.
    pub(super) fn reference_in_data(&mut self, node: &Node<'_>, field: &str) -> Option<Expression> {
        self.reference_if(node, field, |query| query.is_reference() && !matches!(query, Query::Context(_)))
    }

    /// A reference path or an intrinsic function call: where a Fail's error and cause come from.
    pub(super) fn reference_or_intrinsic(&mut self, node: &Node<'_>, field: &str) -> Option<Expression> {
        self.reference_if(node, field, |query| query.is_reference() || matches!(query, Query::Intrinsic(_)))
    }

    fn reference_if(
        &mut self,
        node: &Node<'_>,
        field: &str,
        accepts: impl FnOnce(&Query) -> bool,
    ) -> Option<Expression> {
        let text = self.string(node, field)?;
        let fault = reference_fault(&text);
        let found = expression(text).filter(|expression| accepts(&expression.query));
        if found.is_none() {
            self.fault(fault, node.at(field));
        }
        found
    }

    /// A whole number that is written in one field or whose place another names.
    pub(super) fn integer_setting(
        &mut self,
        node: &Node<'_>,
        [field, path]: [&str; 2],
        bounds: Bounds,
    ) -> Option<Setting<u64>> {
        if self.is_jsonata() {
            return match self.expression_field(node, field) {
                Field::Expression(jsonata) => Some(Setting::Jsonata(jsonata)),
                Field::Refused => None,
                Field::Plain => self.integer(node, field, bounds).map(Setting::Value),
            };
        }
        self.at_most_one(node, &[field, path]);
        if node.has(path) {
            return self.reference_in_data(node, path).map(Setting::Path);
        }
        self.integer(node, field, bounds).map(Setting::Value)
    }

    /// A number as it is written.
    pub(super) fn number(&mut self, node: &Node<'_>, field: &str) -> Option<Number> {
        let number = node.get(field)?.as_number().cloned();
        if number.is_none() {
            self.fault("Expected value of type Number", node.at(field));
        }
        number
    }
}

fn reference_fault(text: &str) -> &'static str {
    if text.starts_with('$') { NOT_A_REFERENCE } else { NO_DOLLAR }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text reads as: a letter for the root, then the path below it.
    fn shown(text: &str) -> Option<String> {
        Some(match path(text)? {
            Query::Input(path) => format!("I {}", path.as_str()),
            Query::Context(path) => format!("C {}", path.as_str()),
            Query::Variable(name, path) => format!("V {name} {}", path.as_str()),
            Query::Intrinsic(_) => "F".to_owned(),
        })
    }

    #[test]
    fn a_path_begins_at_the_input_the_context_object_or_a_variable() {
        for (text, expect) in [
            ("$", Some("I $")),
            ("$.a[0]", Some("I $.a[0]")),
            ("$['a b']", Some("I $['a b']")),
            ("$$", Some("C $")),
            ("$$.Task.Token", Some("C $.Task.Token")),
            ("$name", Some("V name $")),
            ("$größe_1.a[0]", Some("V größe_1 $.a[0]")),
            ("$x['y']", Some("V x $['y']")),
            ("a.b", None),
            ("", None),
            ("$x-y", None),
            ("$.a[", None),
            ("$$$", None),
        ] {
            assert_eq!(shown(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn texts_that_look_computed() {
        for text in ["$.a", "$$.Execution.Id", "$[0]", "States.UUID()"] {
            assert!(looks_computed(text), "{text}");
        }
        for text in ["$", "$5", "$name", "costs $.50", "States.ALL", "States.Nope()"] {
            assert!(!looks_computed(text), "{text}");
        }
    }
}
