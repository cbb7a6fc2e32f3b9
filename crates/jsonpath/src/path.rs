//! The compiled path.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use newel_value::Value;

use crate::ast::{Path, Segment};
use crate::eval::Evaluator;
use crate::parse::Parser;
use crate::{Budget, NotFound, ParseError, QueryError};

/// A compiled JSONPath. Cloning copies a pointer.
#[derive(Clone)]
pub struct JsonPath(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    path: Path,
}

impl JsonPath {
    /// Compiles a path that begins with `$`. Blanks at its end are ignored.
    ///
    /// A context path (`$$.x`) is not one of these: its caller takes one `$` off and evaluates the rest on the context object.
    ///
    /// # Errors
    /// [`ParseError`] when the text is no path, or is too long or nested too deep.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let path = Parser::new(text.trim_end_matches(' ')).whole()?;
        Ok(Self(Arc::new(Compiled { source: text.into(), path })))
    }

    /// Compiles what follows a root that the caller knows: of `$variable.a[0]` the part `.a[0]`. Nothing at all is the root
    /// itself. Errors of parsing and evaluating name the root `$`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_after_root(rest: &str) -> Result<Self, ParseError> {
        Self::parse(&format!("${rest}"))
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// Jayway's spelling of the same path (`$['a'][0]`), which its error texts use.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.path.to_string()
    }

    /// Whether it names one node at most: its value is that node's then, and otherwise an array.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        self.0.path.is_definite()
    }

    /// Whether it is a reference path: members and elements by name and number alone, none of `@ .. , : ? *` and no function.
    #[must_use]
    pub fn is_reference_path(&self) -> bool {
        !has_operator(self.as_str())
            && self.0.path.segments.iter().all(|segment| match segment {
                Segment::Names { names, .. } => names.len() == 1,
                Segment::Indexes(indexes) => indexes.len() == 1,
                _ => false,
            })
    }

    /// Whether it is `$` alone.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.path.segments.is_empty()
    }

    /// Evaluates it within a default [`Budget`].
    ///
    /// # Errors
    /// As [`Self::query_with`].
    pub fn query(&self, root: &Value) -> Result<Value, QueryError> {
        self.query_with(root, &mut Budget::default())
    }

    /// Evaluates it and takes what that cost from `budget`.
    ///
    /// # Errors
    /// [`QueryError::NoResults`] when a definite path leads nowhere; [`QueryError::Invalid`] and [`QueryError::Failed`] when
    /// a filter or function can't work on what it meets; [`QueryError::BudgetExceeded`].
    pub fn query_with(&self, root: &Value, budget: &mut Budget) -> Result<Value, QueryError> {
        match self.query_jayway(root, budget) {
            // AWS's departure from Jayway.
            Err(QueryError::NoResults(NotFound::MissingProperty(_))) if !self.is_definite() => {
                Ok(Vec::new().into())
            }
            other => other,
        }
    }

    /// What Jayway answers, before AWS's departure.
    pub(crate) fn query_jayway(&self, root: &Value, budget: &mut Budget) -> Result<Value, QueryError> {
        let path = &self.0.path;
        let value = Evaluator::new(root, budget).value(path, root)?;
        if path.may_repeat() {
            budget.charge_tree(&value)?;
        }
        Ok(value)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }
}

impl FromStr for JsonPath {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// Two paths are equal when their texts are.
impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for JsonPath {}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonPath({})", self.as_str())
    }
}
/// Whether a path has one of the operators that a reference path may not have, outside quotes: a dotted name may have them
/// elsewhere.
fn has_operator(text: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '@' | ',' | ':' | '?' | '*') => return true,
            (None, _) => {}
        }
    }
    false
}
