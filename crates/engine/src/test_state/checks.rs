//! Which tests make sense, in AWS's words where recordings show them.

use newel_asl::catalog::{FieldValidation, Pattern, ResourceCatalog};
use newel_asl::plan::{Call, Kind, Map, State, Task};
use newel_value::{Payload, Value};

use super::{context, waits_for_more};
use crate::request::{Mock, TestState};
use crate::{Error, ErrorKind};

/// Refuses a test that makes no sense for the state.
pub(super) fn check(request: &TestState, state: &State, catalog: &dyn ResourceCatalog) -> Result<(), Error> {
    match &request.mock {
        Some(mock) => check_mocked(request, state, mock, catalog),
        None => check_unmocked(request, state),
    }
}

pub(super) fn state_not_found() -> Error {
    invalid("State not found in definition")
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Validation, why)
}

fn check_unmocked(request: &TestState, state: &State) -> Result<(), Error> {
    if request.failed_iterations.is_some() {
        return Err(only_mocked("MapIterationFailureCount"));
    }
    if request.context.is_some() {
        return Err(only_mocked("Context"));
    }
    match &state.kind {
        Kind::Map(_) | Kind::Parallel(_) => Err(Error::new(
            ErrorKind::InvalidDefinition,
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
             Succeed, Fail, Choice]",
        )),
        Kind::Task(_) if waits_for_more(state) => Err(Error::new(
            ErrorKind::InvalidDefinition,
            "TestState API does not support Task states with an activity or with a '.sync' or '.waitForTaskToken' service \
             integration pattern when a mock is not specified",
        )),
        Kind::Task(_) if request.role_arn.is_none() => {
            Err(invalid("RoleArn must be specified when testing a Task state"))
        }
        Kind::Task(_) | Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed | Kind::Fail(_) => {
            Ok(())
        }
    }
}

fn only_mocked(what: &str) -> Error {
    invalid(format!("TestState does not support {what} when a mock is not specified."))
}

fn check_mocked(
    request: &TestState,
    state: &State,
    mock: &Mock,
    catalog: &dyn ResourceCatalog,
) -> Result<(), Error> {
    match &state.kind {
        Kind::Task(task) => {
            context::check(request.context.as_ref(), Some(task)).map_err(invalid)?;
            mock.outcome.as_ref().map_or(Ok(()), |result| check_task(task, result, mock.validation, catalog))
        }
        Kind::Parallel(parallel) => {
            context::check(request.context.as_ref(), None).map_err(invalid)?;
            check_cause(request, |name| parallel.branches.iter().any(|branch| branch.find(name).is_some()))?;
            mock.outcome.as_ref().map_or(Ok(()), |result| check_branches(parallel.branches.len(), result))
        }
        Kind::Map(map) => {
            context::check(request.context.as_ref(), None).map_err(invalid)?;
            check_cause(request, |name| map.processor.find(name).is_some())?;
            mock.outcome.as_ref().map_or(Ok(()), |result| check_iterations(map, result))
        }
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed | Kind::Fail(_) => Err(invalid(
            format!("State type '{}' is not supported when a mock is specified", state.kind.name()),
        )),
    }
}

/// A mocked error of branches comes from one of their states, if it says from which.
fn check_cause(request: &TestState, within: impl Fn(&str) -> bool) -> Result<(), Error> {
    match &request.error_caused_by {
        Some(name) if !within(name) => Err(state_not_found()),
        Some(_) | None => Ok(()),
    }
}

/// The result of a service's API is an object that its model describes. What comes with a token, and what a function named
/// by its own ARN or an activity gives, is anything.
fn check_task(
    task: &Task,
    result: &Payload,
    validation: FieldValidation,
    catalog: &dyn ResourceCatalog,
) -> Result<(), Error> {
    let resource = &task.resource;
    let described = task.call == Call::Service && resource.pattern != Pattern::Callback;
    if !described || validation == FieldValidation::None {
        return Ok(());
    }
    if !matches!(result.value(), Value::Object(_)) {
        return Err(invalid("Mocked result must be a JSON object."));
    }
    catalog
        .check_result(resource, result.value(), validation)
        .map_err(|why| invalid(format!("Mock result schema validation error: {why}")))
}

fn check_branches(branches: usize, result: &Payload) -> Result<(), Error> {
    match result.value().as_array() {
        None => Err(invalid("Mocked result must be an array.")),
        Some(results) if results.len() != branches => Err(invalid(
            "Mocked result must contain the same number of items as number of Parallel branches.",
        )),
        Some(_) => Ok(()),
    }
}

/// A Map gives an array, or where its results were written to, which is an object.
fn check_iterations(map: &Map, result: &Payload) -> Result<(), Error> {
    let writer = map.distributed.as_deref().and_then(|distributed| distributed.writer.as_ref());
    let writes = writer.is_some_and(|writer| writer.destination.is_some());
    match (result.value(), writes) {
        (Value::Array(_), false) | (Value::Object(_), true) => Ok(()),
        (_, false) => Err(invalid("Mocked result must be an array.")),
        (_, true) => Err(invalid("Mocked result must be a JSON object.")),
    }
}
