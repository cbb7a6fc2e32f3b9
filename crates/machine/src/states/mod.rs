//! What each type of state does once it is entered.

mod branches;
mod choice;
mod task;

use newel_asl::plan::{DataPath, Fail, Kind, Pass, ResultPath, Setting, State, Transition, Wait, WaitUntil};
use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str, Value};

use crate::eval::{EvalResult, Scope, put_result};
use crate::event::Fault;
use crate::execution::{FramePath, Phase};
use crate::fault::{EvalError, StateError};
use crate::probe::Stage;
use crate::turn::{Runner, Step, after_seconds};

/// The longest a Wait may last, as AWS bounds it: a year.
const LONGEST_WAIT_SECONDS: i64 = 99_999_999;

impl Runner<'_, '_> {
    /// Does what a frame's current state does, until it is left, waits or fails.
    pub(crate) fn execute(&mut self, path: &FramePath) -> Step {
        let Some((_, state)) = self.current(path) else { return Ok(()) };
        match &state.kind {
            Kind::Pass(pass) => self.pass(path, &state, pass),
            Kind::Task(task) => self.schedule(path, &state, task),
            Kind::Choice(choice) => self.choose(path, &state, choice),
            Kind::Wait(wait) => self.wait(path, &state, wait),
            Kind::Succeed => self.succeed(path, &state),
            Kind::Fail(fail) => self.fail_state(path, fail),
            Kind::Parallel(parallel) => self.start_branches(path, &state, parallel),
            Kind::Map(map) => self.start_iterations(path, &state, map),
        }
    }

    /// The state's raw input.
    pub(crate) fn input(&self, path: &str) -> Payload {
        self.execution.frames.get(path).map(|frame| frame.input.clone()).unwrap_or_default()
    }

    /// The input after `InputPath`.
    pub(crate) fn effective_input(&self, path: &str, state: &State) -> Result<Payload, StateError> {
        let raw = self.input(path);
        let effective = match state.input_path {
            DataPath::Whole => raw,
            DataPath::Empty | DataPath::Path(_) => self
                .evaluate(path, raw.value(), |scope| scope.data(&state.input_path))
                .map(Payload::from)?,
        };
        self.note(Stage::AfterInputPath, &effective);
        Ok(effective)
    }

    /// `OutputPath` and `Assign`, then on to the next state. `result` is what `Assign` sees as `$`.
    pub(crate) fn conclude(
        &mut self,
        path: &FramePath,
        state: &State,
        output: Payload,
        result: &Payload,
        transition: &Transition,
    ) -> Step {
        let output = self.after_output_path(path, state, output)?;
        let assigned = self.assigned(path, state.assign.as_ref(), result.value())?;
        self.leave(path, output, &assigned, transition)
    }

    /// An output after `OutputPath`.
    fn after_output_path(&self, path: &str, state: &State, output: Payload) -> Result<Payload, StateError> {
        match state.output_path {
            DataPath::Whole => Ok(output),
            DataPath::Empty | DataPath::Path(_) => {
                self.evaluate(path, output.value(), |scope| scope.data(&state.output_path)).map(Payload::from)
            }
        }
    }

    fn pass(&mut self, path: &FramePath, state: &State, pass: &Pass) -> Step {
        let effective = self.effective_input(path, state)?;
        let result = match &pass.result {
            Some(result) => {
                let result = result.clone().into();
                self.note(Stage::Result, &result);
                result
            }
            None => {
                let parameters = self.template_or(path, pass.parameters.as_ref(), &effective)?;
                self.note(Stage::AfterParameters, &parameters);
                parameters
            }
        };
        self.note(Stage::AfterResultSelector, &result);
        let output = self.put(path, &pass.result_path, &result)?;
        self.note(Stage::AfterResultPath, &output);
        self.conclude(path, state, output, &result, &pass.transition)
    }

    /// The state's raw input with a result put where `ResultPath` says; the result itself where that is the whole.
    pub(crate) fn put(
        &self,
        path: &str,
        result_path: &ResultPath,
        result: &Payload,
    ) -> Result<Payload, StateError> {
        let raw = self.input(path);
        match result_path {
            ResultPath::Replace => Ok(result.clone()),
            ResultPath::Discard => Ok(raw),
            ResultPath::At(_) => self
                .evaluate(path, raw.value(), |scope| {
                    put_result(result_path, scope.input, result.value().clone())
                })
                .map(Payload::from),
        }
    }

    fn succeed(&mut self, path: &FramePath, state: &State) -> Step {
        let effective = self.effective_input(path, state)?;
        self.conclude(path, state, effective.clone(), &effective, &Transition::End)
    }

    fn fail_state(&mut self, path: &FramePath, fail: &Fail) -> Step {
        let raw = self.input(path);
        self.note(Stage::AfterInputPath, &raw);
        let fault = self.evaluate(path, raw.value(), |scope| {
            Ok(Fault {
                error: text_setting(scope, "ErrorPath", fail.error.as_ref())?,
                cause: text_setting(scope, "CausePath", fail.cause.as_ref())?,
            })
        })?;
        Err(fault.into())
    }

    fn wait(&mut self, path: &FramePath, state: &State, wait: &Wait) -> Step {
        let effective = self.effective_input(path, state)?;
        let now = self.world.now;
        let until = self.evaluate(path, effective.value(), |scope| wait_until(scope, &wait.until, now))?;
        if until <= now {
            return self.conclude(path, state, effective.clone(), &effective, &wait.transition);
        }
        self.update(path, |frame| frame.phase = Phase::Waiting { until });
        Ok(())
    }

    /// A Wait is over.
    pub(crate) fn leave_wait(&mut self, path: &FramePath) {
        let Some((_, state)) = self.current(path) else { return };
        let Kind::Wait(wait) = &state.kind else { return };
        let left = self.effective_input(path, &state).and_then(|effective| {
            self.conclude(path, &state, effective.clone(), &effective, &wait.transition)
        });
        if let Err(error) = left {
            self.fail(path, error);
        }
    }
}

fn text_setting(scope: &Scope<'_>, field: &str, setting: Option<&Setting<Str>>) -> EvalResult<Option<Str>> {
    match setting {
        None => Ok(None),
        Some(Setting::Value(text)) => Ok(Some(text.clone())),
        Some(Setting::Path(expression)) => match scope.member(field, expression)? {
            Value::String(text) => Ok(Some(text)),
            other => Err(EvalError::runtime(format!(
                "The {field} field must give a string but '{}' gave {other}",
                expression.source
            ))),
        },
    }
}

fn wait_until(scope: &Scope<'_>, until: &WaitUntil, now: Timestamp) -> EvalResult<Timestamp> {
    match until {
        WaitUntil::Seconds(seconds) => Ok(after_seconds(now, *seconds)),
        WaitUntil::Timestamp(at) => Ok(*at),
        WaitUntil::SecondsPath(expression) => {
            let source = &expression.source;
            let value = scope.query(&expression.query).map_err(|_| {
                EvalError::runtime(format!(
                    "The SecondsPath parameter does not reference an input value: {source}"
                ))
            })?;
            match value.as_i64() {
                None => Err(EvalError::runtime(format!(
                    "The SecondsPath parameter cannot be parsed as a long value: {source} == {}",
                    plain(&value)
                ))),
                Some(seconds) if seconds < 0 => Err(EvalError::runtime(format!(
                    "The SecondsPath parameter references a negative value: {source} == {seconds}"
                ))),
                Some(seconds) if seconds > LONGEST_WAIT_SECONDS => {
                    Err(EvalError::runtime("Wait state delay is too long."))
                }
                Some(seconds) => Ok(now.plus_millis(seconds * 1_000)),
            }
        }
        WaitUntil::TimestampPath(expression) => {
            let source = &expression.source;
            let value = scope.query(&expression.query).map_err(|_| {
                EvalError::runtime(format!(
                    "The TimestampPath parameter does not reference an input value: {source}"
                ))
            })?;
            value.as_str().and_then(Timestamp::parse).ok_or_else(|| {
                EvalError::runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {source} == {}",
                    plain(&value)
                ))
            })
        }
    }
}

/// A value in a message: a string without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
