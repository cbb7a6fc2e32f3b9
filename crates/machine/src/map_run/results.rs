//! What becomes of the ends of children: what is kept of each, and what the state's result is made of.

use newel_asl::plan::Transformation;
use newel_asl::timestamp::Timestamp;
use newel_value::{Object, ObjectBuilder, Payload, Str, Value};

use super::MapSettings;
use crate::event::Fault;
use crate::execution::{Execution, Outcome};
use crate::fault::StateError;

/// What is kept of a child; `None` until it is closed.
#[must_use]
pub fn kept_of_child(
    child: &Execution,
    stopped_at: Option<Timestamp>,
    transformation: Transformation,
) -> Option<Payload> {
    let outcome = child.outcome.as_ref()?;
    Some(match (outcome, transformation) {
        (Outcome::Succeeded(output), Transformation::Compact | Transformation::Flatten) => output.clone(),
        (Outcome::Succeeded(_) | Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Aborted(_), _) => {
            told(child, outcome, stopped_at)
        }
    })
}

fn included() -> Object {
    [("Included", Value::from(true))].into_iter().collect()
}

/// A child as a result tells of it: what DescribeExecution has, with names as the language writes them.
fn told(child: &Execution, outcome: &Outcome, stopped_at: Option<Timestamp>) -> Payload {
    let Execution { info, redrives, .. } = child;
    let (output, fault) = match outcome {
        Outcome::Succeeded(output) => (Some(output), None),
        Outcome::Failed(fault) | Outcome::TimedOut(fault) | Outcome::Aborted(fault) => (None, Some(fault)),
    };
    let mut object = ObjectBuilder::with_capacity(14);
    object.insert_some("Cause", fault.and_then(|fault| fault.cause.clone()));
    object.insert_some("Error", fault.and_then(|fault| fault.error.clone()));
    object.insert("ExecutionArn", info.arn.clone());
    object.insert("Input", info.input.text());
    object.insert("InputDetails", included());
    object.insert("Name", info.name.clone());
    if let Some(output) = output {
        object.insert("Output", output.text());
        object.insert("OutputDetails", included());
    }
    object.insert("RedriveCount", i64::try_from(redrives.count).unwrap_or(i64::MAX));
    match output {
        Some(_) => {
            object.insert("RedriveStatus", "NOT_REDRIVABLE");
            object.insert("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven");
        }
        None => _ = object.insert("RedriveStatus", "REDRIVABLE_BY_MAP_RUN"),
    }
    object.insert("StartDate", info.started_at.to_string());
    object.insert("StateMachineArn", info.machine_arn.clone());
    object.insert("Status", outcome.status());
    object.insert_some("StopDate", stopped_at.map(|at| at.to_string()));
    Value::from(object.build()).into()
}

/// A child that never began, as a file of results tells of it.
#[must_use]
pub fn pending_child(input: &Payload, machine_arn: &Str) -> Value {
    let mut object = ObjectBuilder::with_capacity(4);
    object.insert("Input", input.text());
    object.insert("InputDetails", included());
    object.insert("StateMachineArn", machine_arn.clone());
    object.insert("Status", "PENDING");
    object.build().into()
}

/// How what is kept of children becomes the state's result: an array in their order.
#[derive(Clone, Copy, Debug)]
pub struct StateResult<'a> {
    /// The Map state.
    pub state: &'a str,
    /// What is kept of children that succeed.
    pub transformation: Transformation,
    /// Bytes that a result may have.
    pub limit: usize,
}

impl StateResult<'_> {
    /// Bytes of what is kept, with some more; `None` once they are more than a result may have, so that none need be kept.
    #[must_use]
    pub fn grown<'p>(&self, before: u64, more: impl IntoIterator<Item = &'p Payload>) -> Option<u64> {
        let bytes: usize = more.into_iter().map(|result| result.text().len() + 1).sum();
        let bytes = before.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        (bytes <= u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(1)).then_some(bytes)
    }

    /// The result, of what is kept of the children in their order.
    ///
    /// # Errors
    /// It is too large.
    pub fn of<'p>(&self, kept: impl IntoIterator<Item = &'p Payload>) -> Result<Payload, Fault> {
        let mut values: Vec<Value> = Vec::new();
        for result in kept {
            match (self.transformation, result.value().as_array()) {
                (Transformation::Flatten, Some(elements)) => values.extend(elements.iter().cloned()),
                _ => values.push(result.value().clone()),
            }
        }
        let result = Payload::from(Value::from(values));
        if result.text().len() > self.limit { Err(self.too_large()) } else { Ok(result) }
    }

    /// What a run fails with whose result is too large.
    #[must_use]
    pub fn too_large(&self) -> Fault {
        StateError::too_large(self.state).fault
    }
}

/// What the keys of a run's files of results begin with: the prefix, and the run's own id.
#[must_use]
pub fn results_folder(settings: &MapSettings, run_arn: &str) -> String {
    let destination = settings.destination.as_ref().map(|(_, parameters)| parameters);
    let prefix = destination.and_then(|parameters| parameters.get("Prefix")).and_then(Value::as_str);
    let prefix = prefix.unwrap_or_default().trim_end_matches('/');
    let id = run_arn.rsplit(':').next().unwrap_or_default();
    if prefix.is_empty() { format!("{id}/") } else { format!("{prefix}/{id}/") }
}

/// The bucket of a run's files of results.
#[must_use]
pub fn results_bucket(settings: &MapSettings) -> Value {
    let destination = settings.destination.as_ref();
    destination.and_then(|(_, parameters)| parameters.get("Bucket")).cloned().unwrap_or_default()
}

/// The result of a state whose children's results are written elsewhere: where the manifest is.
#[must_use]
pub fn where_written(settings: &MapSettings, run_arn: &Str) -> Payload {
    let mut details = ObjectBuilder::with_capacity(2);
    details.insert("Bucket", results_bucket(settings));
    details.insert("Key", format!("{}manifest.json", results_folder(settings, run_arn)));
    let mut result = ObjectBuilder::with_capacity(2);
    result.insert("MapRunArn", run_arn.clone());
    result.insert("ResultWriterDetails", details.build());
    Payload::from(Value::from(result.build()))
}
