//! Why a path doesn't parse, or finds nothing.

use std::fmt;

use newel_value::{Kind, Value};

/// Why a text is no path, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at position {position}")]
pub struct ParseError {
    kind: ParseErrorKind,
    position: usize,
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, position: usize) -> Self {
        Self { kind, position }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// The byte of the text where it was noticed.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }
}

/// What kind of fault a [`ParseError`] is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A dotted name with a blank in it.
    #[error("a name with blanks needs bracket notation")]
    BlankInName,
    /// Brackets around numbers that are no positions, or out of the 32-bit range.
    #[error("not an array index or slice")]
    BadIndex,
    /// A number, string or JSON literal that isn't one.
    #[error("not a literal")]
    BadLiteral,
    /// A filter operator there is none of.
    #[error("unknown filter operator '{0}'")]
    UnknownOperator(String),
    /// A regular expression that doesn't compile, or is too large.
    #[error("unusable regular expression")]
    BadRegex,
    /// More than [`crate::MAX_NESTING`] levels.
    #[error("nested too deep")]
    TooDeep,
    /// More than [`crate::MAX_SEGMENTS`] segments.
    #[error("too many segments")]
    TooLong,
    /// More than [`crate::MAX_PATTERNS`] regular expressions.
    #[error("too many regular expressions")]
    TooManyPatterns,
}

/// Why a path has no value. The texts are Jayway's, because AWS shows them in the cause of `States.Runtime`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The path leads to nothing in this document.
    #[error("{0}")]
    NoResults(NotFound),
    /// The path asks for what can't be done: an unknown function, a filter on a scalar.
    #[error("{0}")]
    Invalid(String),
    /// A function failed on its input.
    #[error("{0}")]
    Failed(String),
    /// The evaluation cost more than its [`crate::Budget`] had left.
    #[error("the path takes too much work to evaluate")]
    BudgetExceeded,
}

impl From<NotFound> for QueryError {
    fn from(not_found: NotFound) -> Self {
        Self::NoResults(not_found)
    }
}

/// What a path missed; prints as Jayway words it. The text is made on printing only: it may quote a large value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NotFound {
    /// Nothing at the end of a definite path: its canonical spelling.
    NoResults(String),
    /// A member that the rest of the path needs is missing: the way to it.
    MissingProperty(String),
    /// A name applied to what is no object: the bracketed names, the way to the value, and its Java class.
    NotAnObject {
        /// `['name']`
        names: String,
        /// The way to the value.
        path: String,
        /// The class Jayway would name.
        found: &'static str,
    },
    /// An index or slice applied to `null`: the way to it.
    IsNull(String),
    /// An index or slice applied to what is neither array nor `null`.
    NotAnArray {
        /// The index and what follows it.
        segments: String,
        /// The value.
        context: Value,
    },
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResults(path) => write!(f, "No results for path: {path}"),
            Self::MissingProperty(path) => write!(f, "Missing property in path {path}"),
            Self::NotAnObject { names, path, found } => write!(
                f,
                "Expected to find an object with property {names} in path {path} but found '{found}'. This is not a \
                 json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JsonSmartJsonProvider'."
            ),
            Self::IsNull(path) => write!(f, "The path {path} is null"),
            Self::NotAnArray { segments, context } => {
                write!(
                    f,
                    "Filter: {segments} can only be applied to arrays. Current context is: {}",
                    java_text(context)
                )
            }
        }
    }
}

/// The Java class of a value, as the JSON parser under Jayway makes it.
pub(crate) fn java_class(value: &Value) -> &'static str {
    match value.kind() {
        Kind::Null => "null",
        Kind::Bool => "java.lang.Boolean",
        Kind::String => "java.lang.String",
        Kind::Array => "net.minidev.json.JSONArray",
        Kind::Object => "java.util.LinkedHashMap",
        Kind::Number => match value.as_number() {
            Some(number) if !number.is_integer_literal() => "java.lang.Double",
            Some(number) => match number.as_i64() {
                Some(int) if i32::try_from(int).is_ok() => "java.lang.Integer",
                Some(_) => "java.lang.Long",
                None => "java.math.BigInteger",
            },
            None => "java.lang.Number",
        },
    }
}

/// What Java's `toString` gives: objects as `{a=1, b=2}` down to the first array, which prints as JSON.
pub(crate) fn java_text(value: &Value) -> String {
    let mut out = String::new();
    write_java_text(value, &mut out);
    out
}

fn write_java_text(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Object(object) => {
            out.push('{');
            for (i, (name, member)) in object.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(name);
                out.push('=');
                write_java_text(member, out);
            }
            out.push('}');
        }
        other => other.write_json(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_texts_are_javas() {
        for (json, class, text) in [
            ("null", "null", "null"),
            ("true", "java.lang.Boolean", "true"),
            ("1", "java.lang.Integer", "1"),
            ("3000000000", "java.lang.Long", "3000000000"),
            ("30000000000000000000", "java.math.BigInteger", "30000000000000000000"),
            ("1.5", "java.lang.Double", "1.5"),
            ("\"a\"", "java.lang.String", "a"),
            ("[\"a\",{\"b\":1}]", "net.minidev.json.JSONArray", "[\"a\",{\"b\":1}]"),
            ("{\"a\":{\"b\":\"x\"},\"c\":[1]}", "java.util.LinkedHashMap", "{a={b=x}, c=[1]}"),
        ] {
            let value = Value::parse(json).unwrap();
            assert_eq!((java_class(&value), java_text(&value).as_str()), (class, text), "{json}");
        }
    }
}
