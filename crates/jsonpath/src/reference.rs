//! Writing into a document: what ResultPath does.

use std::fmt;
use std::sync::Arc;

use newel_value::{Object, ObjectBuilder, Str, Value};

use crate::ast::Segment;
use crate::{JsonPath, ParseError};

/// A path that names exactly one place, to read or to write (ResultPath). Cloning copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePath {
    path: JsonPath,
    steps: Arc<[Step]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(Str),
    Element(i32),
}

/// Why a text is no reference path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferencePathError {
    /// It is no path at all.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is a path, but may name several places or none: it has one of `@ .. , : ? *` or a function.
    #[error("not a reference path")]
    Ambiguous,
}

/// A document has no such place and it can't be made: the path goes through a value that is no object, or to an array
/// element that isn't there. AWS's words, as it reports them with its `States.ResultPathMatchFailure`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("Unable to apply ReferencePath {path} to input {input}")]
pub struct SetError {
    /// The path.
    pub path: String,
    /// The document.
    pub input: Value,
}

impl ReferencePath {
    /// Compiles a path and checks that it is a reference path.
    ///
    /// # Errors
    /// [`ReferencePathError`] when it isn't.
    pub fn parse(text: &str) -> Result<Self, ReferencePathError> {
        let path = JsonPath::parse(text)?;
        Self::from_path(&path).ok_or(ReferencePathError::Ambiguous)
    }

    /// The same path, if it is a reference path.
    #[must_use]
    pub fn from_path(path: &JsonPath) -> Option<Self> {
        if !path.is_reference_path() {
            return None;
        }
        let step = |segment: &Segment| match segment {
            Segment::Names { names, .. } => match names.as_slice() {
                [name] => Some(Step::Member(Arc::clone(name))),
                _ => None,
            },
            Segment::Indexes(indexes) => match indexes.as_slice() {
                [index] => Some(Step::Element(*index)),
                _ => None,
            },
            _ => None,
        };
        let steps = path.path().segments.iter().map(step).collect::<Option<Vec<Step>>>()?;
        Some(Self { path: path.clone(), steps: steps.into() })
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.path.as_str()
    }

    /// The path to read with.
    #[must_use]
    pub const fn as_json_path(&self) -> &JsonPath {
        &self.path
    }

    /// Whether it is `$`, which stands for the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// `root` with `value` at this place. Members that are missing on the way are made, array elements must be there; what
    /// the path doesn't touch is shared with `root`.
    ///
    /// # Errors
    /// [`SetError`] when the place can't be made.
    pub fn set(&self, root: &Value, value: Value) -> Result<Value, SetError> {
        set(Some(root), &self.steps, value)
            .ok_or_else(|| SetError { path: self.as_str().to_owned(), input: root.clone() })
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// The node with `value` put at the end of `steps`. Recursion is bounded by the length of a path.
fn set(node: Option<&Value>, steps: &[Step], value: Value) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match (step, node) {
        (Step::Member(name), None | Some(Value::Object(_))) => {
            let object = node.and_then(Value::as_object);
            let member = set(object.and_then(|object| object.get(name)), rest, value)?;
            let mut builder = object.map_or_else(ObjectBuilder::default, Object::to_builder);
            builder.insert(Arc::clone(name), member);
            Some(builder.build().into())
        }
        (Step::Element(index), Some(Value::Array(items))) => {
            let offset = usize::try_from(index.unsigned_abs()).ok()?;
            let at = if *index < 0 { items.len().checked_sub(offset)? } else { offset };
            let element = set(Some(items.get(at)?), rest, value)?;
            let mut items = items.to_vec();
            items[at] = element;
            Some(items.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, root: &str, expected: &str) {
        let set = ReferencePath::parse(path).unwrap().set(&Value::parse(root).unwrap(), "new".into());
        let text = set.map_or_else(|error| error.to_string(), |value| value.to_json());
        assert_eq!(text, expected, "{path} on {root}");
    }

    #[test]
    fn puts_the_value_where_the_path_says() {
        check("$", r#"{"a":1}"#, r#""new""#);
        check("$.a", r#"{"a":1,"b":2}"#, r#"{"a":"new","b":2}"#);
        check("$.c", r#"{"a":1}"#, r#"{"a":1,"c":"new"}"#);
        check("$.x.y['z w']", r#"{"a":1}"#, r#"{"a":1,"x":{"y":{"z w":"new"}}}"#);
        check("$.a[1].b", r#"{"a":[1,{"b":2},3]}"#, r#"{"a":[1,{"b":"new"},3]}"#);
        check("$.a[-1]", r#"{"a":[1,2]}"#, r#"{"a":[1,"new"]}"#);
        check("$[0]", "[1,2]", r#"["new",2]"#);
    }

    #[test]
    fn what_can_not_be_made_fails() {
        check("$.a", r#""text""#, r#"Unable to apply ReferencePath $.a to input "text""#);
        check("$.a.b", r#"{"a":1}"#, r#"Unable to apply ReferencePath $.a.b to input {"a":1}"#);
        check("$.a[2]", r#"{"a":[1,2]}"#, r#"Unable to apply ReferencePath $.a[2] to input {"a":[1,2]}"#);
        check("$.a[0]", "{}", "Unable to apply ReferencePath $.a[0] to input {}");
        check("$.a", "[]", "Unable to apply ReferencePath $.a to input []");
        check("$[0]", r#"{"a":1}"#, r#"Unable to apply ReferencePath $[0] to input {"a":1}"#);
    }

    #[test]
    fn what_is_not_touched_is_shared() {
        let root = Value::parse(r#"{"big":[1,2,3],"a":{"b":1}}"#).unwrap();
        let changed = ReferencePath::parse("$.a.b").unwrap().set(&root, Value::Null).unwrap();
        match (root.get("big"), changed.get("big")) {
            (Some(Value::Array(before)), Some(Value::Array(after))) => assert!(Arc::ptr_eq(before, after)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_unambiguous_paths_are_references() {
        for text in ["$", "$.a", "$['a'][0].b", "$.a[-1]", "$['a:b@*'].c", "$['it\\'s,']"] {
            assert!(ReferencePath::parse(text).is_ok(), "{text}");
            assert!(JsonPath::parse(text).unwrap().is_reference_path(), "{text}");
        }
        for text in [
            "$.*",
            "$..a",
            "$['a','b']",
            "$[0,1]",
            "$[1:2]",
            "$[?(@.a)]",
            "$[*]",
            "$.a.length()",
            "$.a:b",
            "$.a@b",
            "$.a?b",
        ] {
            assert_eq!(ReferencePath::parse(text), Err(ReferencePathError::Ambiguous), "{text}");
            assert!(!JsonPath::parse(text).unwrap().is_reference_path(), "{text}");
        }
        assert!(matches!(ReferencePath::parse("$$.a"), Err(ReferencePathError::Parse(_))));
    }
}
