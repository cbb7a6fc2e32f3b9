//! What is to come of a rehearsal.

use std::collections::BTreeMap;

use newel_machine::Outcome;
use newel_value::{Str, Value};

use crate::Record;

/// What is expected; what isn't said is no matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`.
    pub status: Option<Str>,
    /// The execution's output, compared as a value.
    pub output: Option<Value>,
    /// The execution's error.
    pub error: Option<Str>,
    /// The error's cause.
    pub cause: Option<Str>,
    /// The outermost states in the order in which they are entered.
    pub path: Option<Vec<Str>>,
    /// How often tasks are called, by their states' names.
    pub calls: BTreeMap<Str, u64>,
}

impl Expectation {
    /// Where what happened differs, a line each; none if it is as expected.
    #[must_use]
    pub fn differences(&self, record: &Record) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |what: &str, expected: String, was: String| {
            if expected != was {
                found.push(format!("{what}: expected {expected}, was {was}"));
            }
        };
        if let Some(status) = &self.status {
            differ("Status", status.to_string(), record.status().to_owned());
        }
        let (error, cause) = match &record.outcome {
            Outcome::Succeeded(_) => (None, None),
            Outcome::Failed(fault) | Outcome::TimedOut(fault) | Outcome::Aborted(fault) => {
                (fault.error.as_deref(), fault.cause.as_deref())
            }
        };
        for (what, expected, was) in [("Error", &self.error, error), ("Cause", &self.cause, cause)] {
            if let Some(expected) = expected {
                differ(what, expected.to_string(), was.unwrap_or("none").to_owned());
            }
        }
        if let Some(path) = &self.path {
            let was: Vec<&str> = record.path().collect();
            differ("Path", path.join(" → "), was.join(" → "));
        }
        for (state, calls) in &self.calls {
            let was = record.calls.get(state).copied().unwrap_or(0);
            differ(&format!("Calls of {state}"), calls.to_string(), was.to_string());
        }
        if let Some(expected) = &self.output {
            let was = match &record.outcome {
                Outcome::Succeeded(output) => Some(output.value()),
                Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Aborted(_) => None,
            };
            if was != Some(expected) {
                let was = was.map_or_else(|| "none".to_owned(), Value::to_json);
                found.push(format!("Output: expected {expected}, was {was}"));
            }
        }
        found
    }
}
