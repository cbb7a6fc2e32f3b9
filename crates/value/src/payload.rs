//! What flows from state to state.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{MAX_DEPTH, Object, ParseError, Value};

/// A JSON text with its tree behind it. Either side is made from the other once, when something first asks for it.
///
/// A payload made from text keeps that text, white space included, as AWS keeps an execution's input. Cloning
/// copies a pointer, and [`Payload::same`] tells whether two payloads are one, so a history can store each once.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    text: OnceLock<Box<str>>,
    tree: OnceLock<Value>,
    /// Whether the text is as the tree prints it; known from the start where it was printed.
    compact: OnceLock<bool>,
}

/// The size of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Bytes of UTF-8 text, the unit of AWS's payload quota.
    pub bytes: usize,
    /// Levels of arrays and objects.
    pub depth: usize,
}

impl Payload {
    /// Checks that `text` is JSON and keeps it as it is.
    ///
    /// # Errors
    /// [`ParseError`] when it is no JSON text.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, ParseError> {
        let text = text.into();
        let tree = Value::parse(&text)?;
        Ok(Self(Arc::new(Inner {
            text: OnceLock::from(text),
            tree: OnceLock::from(tree),
            compact: OnceLock::new(),
        })))
    }

    /// A payload from a text that has been checked before, as when it comes back from the store. The tree is made
    /// when something asks for it.
    #[must_use]
    pub fn from_checked_text(text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Inner {
            text: OnceLock::from(text.into()),
            tree: OnceLock::new(),
            compact: OnceLock::new(),
        }))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| self.0.tree.get().map(Value::to_json).unwrap_or_default().into())
    }

    /// The tree. A stored text that turns out not to be JSON reads as `null`: it was checked before it was stored.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.0
            .tree
            .get_or_init(|| self.0.text.get().and_then(|text| Value::parse(text).ok()).unwrap_or_default())
    }

    /// The same value without white space and other spellings that its text may have: this payload itself, if it has none.
    #[must_use]
    pub fn compact(&self) -> Self {
        let compact = *self.0.compact.get_or_init(|| self.text() == self.value().to_json());
        if compact { self.clone() } else { self.value().clone().into() }
    }

    /// Size and depth. A tree deeper than [`MAX_DEPTH`] is told by its depth alone: its text is never made.
    #[must_use]
    pub fn measure(&self) -> Measure {
        let depth = self.value().depth();
        let bytes = if depth > MAX_DEPTH { usize::MAX } else { self.text().len() };
        Measure { bytes, depth }
    }

    /// Whether both are the very same payload (not merely equal ones).
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that is the same for two payloads alive at once exactly when they are [`Self::same`].
    #[must_use]
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl From<Value> for Payload {
    fn from(tree: Value) -> Self {
        Self(Arc::new(Inner {
            text: OnceLock::new(),
            tree: OnceLock::from(tree),
            compact: OnceLock::from(true),
        }))
    }
}

impl Default for Payload {
    fn default() -> Self {
        Value::Null.into()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || self.text() == other.text()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(Self::from_checked_text)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_json())
    }
}

/// A value is stored as its JSON text.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::Object(self.clone()).serialize(serializer)
    }
}

/// An object is stored as its JSON text.
impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(object) => Ok(object),
            _ => Err(serde::de::Error::custom("expected a JSON object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_its_white_space_and_trees_print_compact() {
        let raw = Payload::parse(r#"{ "a" : [1, 2] }"#).unwrap();
        assert_eq!(raw.text(), r#"{ "a" : [1, 2] }"#);
        assert_eq!(Payload::from(raw.value().clone()).text(), r#"{"a":[1,2]}"#);
        assert_eq!(raw.measure(), Measure { bytes: 16, depth: 2 });
        assert_eq!(raw.compact().text(), r#"{"a":[1,2]}"#);
        let printed = Payload::parse(r#"{"a":[1,2]}"#).unwrap();
        assert!(printed.compact().same(&printed));
    }

    #[test]
    fn clones_are_the_same_payload() {
        let a = Payload::parse("1").unwrap();
        let b = a.clone();
        assert!(a.same(&b) && a.identity() == b.identity());
        assert!(!a.same(&Payload::parse("1").unwrap()));
    }

    #[test]
    fn a_tree_too_deep_is_measured_without_printing() {
        let mut value = Value::Null;
        for _ in 0..5_000 {
            value = Value::from(vec![value]);
        }
        let measure = Payload::from(value).measure();
        assert!(measure.depth > MAX_DEPTH && measure.bytes == usize::MAX);
    }
}
