//! What a waiter takes for an end.

use newel_aws_catalog::Service;
use newel_value::{Str, Value};

use super::expression::Expression;
use super::{Looked, rule};
use crate::descriptor::Verdict;

/// One acceptor: a look that matches has this verdict.
#[derive(Clone, Debug)]
pub(super) struct Acceptor {
    matcher: Matcher,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// The answer has this value at the path.
    Path(Expression, Value),
    /// There are values at the path, and all of them are this one.
    All(Expression, Value),
    /// One of the values at the path is this one.
    Any(Expression, Value),
    /// The HTTP status of answer or error.
    Status(i64),
    /// An error of this code.
    Code(Str),
    /// Whether it is an error at all.
    Error(bool),
}

impl Acceptor {
    /// Reads an acceptor as a model has it.
    ///
    /// # Errors
    /// What of it isn't understood.
    pub(super) fn parse(model: &Value) -> Result<Self, String> {
        let verdict = match rule::text(model, "state")? {
            "success" => Verdict::Succeeded,
            "failure" => Verdict::Failed,
            "retry" => Verdict::Running,
            other => return Err(format!("the state {other:?} isn't known")),
        };
        let expected = model.get("expected").cloned().unwrap_or_default();
        let path = || Expression::parse(rule::text(model, "argument")?);
        let matcher = match (rule::text(model, "matcher")?, &expected) {
            ("path", _) => Matcher::Path(path()?, expected),
            ("pathAll", _) => Matcher::All(path()?, expected),
            ("pathAny", _) => Matcher::Any(path()?, expected),
            ("status", Value::Number(_)) => Matcher::Status(expected.as_i64().unwrap_or_default()),
            ("error", Value::String(code)) => Matcher::Code(Str::clone(code)),
            ("error", Value::Bool(error)) => Matcher::Error(*error),
            (other, _) => return Err(format!("the matcher {other:?} of {expected} isn't known")),
        };
        Ok(Self { matcher, verdict })
    }

    /// Whether it is about this look. `body` is the answer's, by the model's names.
    pub(super) fn accepts(&self, api: &Service, looked: Looked<'_>, body: &Value) -> bool {
        match (&self.matcher, looked) {
            (Matcher::Path(path, expected), Looked::Answer { .. }) => path.of(body) == *expected,
            (Matcher::All(path, expected), Looked::Answer { .. }) => {
                let found = path.of(body);
                let found = found.as_array().unwrap_or_default();
                !found.is_empty() && found.iter().all(|value| value == expected)
            }
            (Matcher::Any(path, expected), Looked::Answer { .. }) => {
                path.of(body).as_array().unwrap_or_default().contains(expected)
            }
            (Matcher::Status(expected), Looked::Answer { status, .. }) => i64::from(status) == *expected,
            (Matcher::Status(expected), Looked::Error(error)) => i64::from(error.status) == *expected,
            (Matcher::Code(expected), Looked::Error(error)) => {
                let code = error.code();
                **expected == *code || api.error(code).is_some_and(|shape| shape.name == *expected)
            }
            (Matcher::Error(expected), Looked::Answer { .. }) => !expected,
            (Matcher::Error(expected), Looked::Error(_)) => *expected,
            (
                Matcher::Path(..) | Matcher::All(..) | Matcher::Any(..) | Matcher::Code(_),
                Looked::Answer { .. } | Looked::Error(_),
            ) => false,
        }
    }
}
