//! The tree itself.

use std::fmt;
use std::sync::Arc;

use crate::{Number, Object, ParseError, parse, print};

/// A shared immutable string.
pub type Str = Arc<str>;

/// A shared immutable array.
pub type Array = Arc<Vec<Value>>;

/// A JSON value. Cloning copies a pointer at most.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exact
    Number(Number),
    /// A string
    String(Str),
    /// An array
    Array(Array),
    /// An object, keys in the order they were written
    Object(Object),
}

/// The type of a value, printed as JSONata and AWS's messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `boolean`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `array`
    Array,
    /// `object`
    Object,
}

impl Kind {
    /// The type's name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Value {
    /// An empty object, the default input of an execution.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::Object(Object::default())
    }

    /// Parses one JSON text (RFC 8259); nothing but white space may follow it.
    ///
    /// # Errors
    /// [`ParseError`] with line and column, worded as the parser behind AWS's API words it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// Which of the six JSON types this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    /// The boolean, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    /// The number, if this is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<&Number> {
        if let Self::Number(n) = self { Some(n) } else { None }
    }

    /// The number as an `i64`, if this is a whole number in that range (`3` and `3.0` both are).
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The number as the nearest `f64`, if this is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(a) = self { Some(a) } else { None }
    }

    /// The object, if this is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(o) = self { Some(o) } else { None }
    }

    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The member of that name, if this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object().and_then(|o| o.get(key))
    }

    /// The value that a JSON pointer (RFC 6901) names; the empty pointer names the whole.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, token| match value {
            Self::Object(o) => o.get(&token.replace("~1", "/").replace("~0", "~")),
            Self::Array(a) => token.parse::<usize>().ok().and_then(|i| a.get(i)),
            _ => None,
        })
    }

    /// Compact JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        print::write(self, &mut out);
        out
    }

    /// Appends the compact JSON text to `out`.
    pub fn write_json(&self, out: &mut String) {
        print::write(self, out);
    }

    /// How many levels of arrays and objects there are: 0 for a scalar, 1 for `{}`.
    ///
    /// The walk stops at [`crate::MAX_DEPTH`] + 1, so a tree built too deep by a program is told without recursing into it.
    #[must_use]
    pub fn depth(&self) -> usize {
        fn walk(value: &Value, level: usize) -> usize {
            if level > crate::MAX_DEPTH {
                return level;
            }
            match value {
                Value::Array(a) => a.iter().map(|v| walk(v, level + 1)).max().unwrap_or(level + 1),
                Value::Object(o) => o.values().map(|v| walk(v, level + 1)).max().unwrap_or(level + 1),
                _ => level,
            }
        }
        walk(self, 0)
    }
}

/// Deep equality: numbers by value (`1` equals `1.0`), objects whatever the order of their keys.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl std::str::FromStr for Value {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(n.into())
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::String(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::String(s.into())
    }
}

impl From<Str> for Value {
    fn from(s: Str) -> Self {
        Self::String(s)
    }
}

impl From<Number> for Value {
    fn from(n: Number) -> Self {
        Self::Number(n)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(items))
    }
}

impl From<Object> for Value {
    fn from(o: Object) -> Self {
        Self::Object(o)
    }
}

impl FromIterator<Self> for Value {
    fn from_iter<I: IntoIterator<Item = Self>>(iter: I) -> Self {
        Self::Array(Arc::new(iter.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_ignores_key_order_and_number_spelling() {
        let a = Value::parse(r#"{"a":1,"b":[1.0,"x"]}"#).unwrap();
        let b = Value::parse(r#"{"b":[1,"x"],"a":1.00}"#).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, Value::parse(r#"{"a":1}"#).unwrap());
    }

    #[test]
    fn pointers_unescape_and_index() {
        let v = Value::parse(r#"{"a/b":[{"~":7}]}"#).unwrap();
        assert_eq!(v.pointer("/a~1b/0/~0").and_then(Value::as_i64), Some(7));
        assert!(v.pointer("/a~1b/1").is_none());
        assert!(v.pointer("a").is_none());
    }

    #[test]
    fn depth_counts_levels_and_stops_at_the_bound() {
        assert_eq!(Value::parse("[[1],{}]").unwrap().depth(), 2);
        let mut v = Value::Null;
        for _ in 0..crate::MAX_DEPTH + 50 {
            v = Value::from(vec![v]);
        }
        assert_eq!(v.depth(), crate::MAX_DEPTH + 1);
    }
}
