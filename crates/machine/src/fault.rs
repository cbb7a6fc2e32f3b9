//! How a state fails.

use newel_asl::error;
use newel_jsonpath::QueryError;
use newel_value::Str;

use crate::event::Fault;

/// Why a state failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateError {
    /// What the user reads.
    pub(crate) fault: Fault,
    /// The name that Retry and Catch are matched with, where it isn't the one the user reads.
    pub(crate) matched_as: Option<&'static str>,
    /// Whether it is the failure of a task attempt, which the attempt's `…Failed` tells of.
    pub(crate) of_task: bool,
    /// That it is a failed evaluation which the history doesn't tell of yet.
    pub(crate) evaluation: Option<Evaluation>,
}

/// An evaluation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evaluation {
    /// Which field it was for, where it was for one.
    pub(crate) field: Option<Str>,
}

impl StateError {
    pub(crate) fn new(error: &str, cause: impl Into<Str>) -> Self {
        Fault { error: Some(error.into()), cause: Some(cause.into()) }.into()
    }

    /// A missed deadline. AWS gives no cause.
    pub(crate) fn timeout(matched_as: &'static str) -> Self {
        Self {
            fault: Fault { error: Some(error::TIMEOUT.into()), cause: None },
            matched_as: Some(matched_as),
            of_task: true,
            evaluation: None,
        }
    }

    /// A payload over the limit; `what` is a state's name or a task's resource.
    pub(crate) fn too_large(what: &str) -> Self {
        Self::new(
            error::DATA_LIMIT_EXCEEDED,
            format!(
                "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
            ),
        )
    }

    /// Whether the `ErrorEquals` of a retrier or catcher matches it.
    pub(crate) fn is_matched_by(&self, error_equals: &[Str]) -> bool {
        let name = self.matched_as.or(self.fault.error.as_deref()).unwrap_or_default();
        // Recorded: the wildcard catches that a task's result is too large, though it catches no state's output that is.
        let result_too_large = self.of_task && name == error::DATA_LIMIT_EXCEEDED;
        error::matches(error_equals, name)
            || result_too_large && error_equals.iter().any(|pattern| &**pattern == error::ALL)
    }
}

impl From<Fault> for StateError {
    fn from(fault: Fault) -> Self {
        Self { fault, matched_as: None, of_task: false, evaluation: None }
    }
}

/// Why an expression gave no value; becomes a [`StateError`] once the state is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EvalError {
    pub(crate) error: &'static str,
    pub(crate) message: String,
    /// That the history is to tell of it by `EvaluationFailed`.
    pub(crate) evaluation: Option<Evaluation>,
}

impl EvalError {
    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self { error: error::RUNTIME, message: message.into(), evaluation: None }
    }

    /// What a JSONata field gave can't be used.
    pub(crate) fn evaluation(field: Option<Str>, message: impl Into<String>) -> Self {
        Self {
            error: error::QUERY_EVALUATION_ERROR,
            message: message.into(),
            evaluation: Some(Evaluation { field }),
        }
    }

    /// `Invalid path '$.a' : No results for path: $['a']`
    pub(crate) fn invalid_path(source: &str, why: &QueryError) -> Self {
        Self::runtime(format!("Invalid path '{source}' : {why}"))
    }
}
