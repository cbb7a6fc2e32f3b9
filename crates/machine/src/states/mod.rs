//! What each type of state does once it is entered.

mod branches;
mod choice;
mod distributed;
mod history;
mod mocked;
mod task;

use newel_asl::plan::{
    DataPath, Fail, Kind, Pass, QueryLanguage, ResultPath, Setting, State, Transition, Wait, WaitUntil,
};
use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str, Value};

use crate::eval::{Data, EvalResult, Scope, put_result};
use crate::event::Fault;
use crate::execution::{FramePath, Phase};
use crate::fault::{EvalError, StateError};
use crate::probe::Stage;
use crate::turn::{Runner, Step, after_seconds};

/// The longest a Wait may last, as AWS bounds it: some three years.
const LONGEST_WAIT_SECONDS: u64 = 99_999_999;
const TOO_LONG: &str = "Wait state delay is too long.";

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
            Kind::Parallel(parallel) if self.probe.is_some() => self.mocked_branches(path, &state, parallel),
            Kind::Map(map) if self.probe.is_some() => self.mocked_iterations(path, &state, map),
            Kind::Parallel(parallel) => self.start_branches(path, &state, parallel),
            Kind::Map(map) => match map.distributed.as_deref() {
                Some(distributed) => self.start_map_run(path, &state, map, distributed),
                None => self.start_iterations(path, &state, map),
            },
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
            DataPath::Empty | DataPath::Path(_) => {
                self.evaluate(path, raw.value(), |scope| scope.data(&state.input_path)).map(Payload::from)?
            }
        };
        self.note(Stage::AfterInputPath, &effective);
        Ok(effective)
    }

    /// `OutputPath` or `Output`, and `Assign`, then on to the next state. `result` is what `Assign` sees as `$` or
    /// `$states.result`.
    pub(crate) fn conclude(
        &mut self,
        path: &FramePath,
        state: &State,
        output: Payload,
        result: &Payload,
        transition: &Transition,
    ) -> Step {
        let (assigned, output) = match state.language {
            QueryLanguage::JsonPath => {
                let output = self.after_output_path(path, state, output)?;
                (self.assigned(path, state.assign.as_ref(), Data::input(result.value()))?, output)
            }
            QueryLanguage::Jsonata => {
                let input = self.input(path);
                let has_result = matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_));
                let data = Data { result: has_result.then(|| result.value()), ..Data::input(input.value()) };
                let fields = (state.assign.as_ref(), state.output.as_ref());
                self.assigned_and_output(path, fields, data, output)?
            }
        };
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
        let result = match &pass.result {
            // Recorded: what is given as it stands needs no input, and none is selected.
            Some(result) => {
                let result = result.clone().into();
                self.forget(Stage::AfterInputPath);
                self.note(Stage::Result, &result);
                result
            }
            None => {
                let effective = self.effective_input(path, state)?;
                let parameters = self.template_or(path, pass.parameters.as_ref(), &effective)?;
                if state.language == QueryLanguage::JsonPath {
                    self.note(Stage::AfterParameters, &parameters);
                }
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
                    put_result(result_path, scope.data.input, result.value().clone())
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
        Some(Setting::Jsonata(jsonata)) => scope.jsonata_string(jsonata).map(Some),
    }
}

fn wait_until(scope: &Scope<'_>, until: &WaitUntil, now: Timestamp) -> EvalResult<Timestamp> {
    match until {
        WaitUntil::Seconds(setting) => Ok(after_seconds(now, wait_seconds(scope, setting)?)),
        WaitUntil::Timestamp(setting) => wait_timestamp(scope, setting),
    }
}

fn wait_seconds(scope: &Scope<'_>, setting: &Setting<u64>) -> EvalResult<u64> {
    let within = |seconds: u64| match seconds {
        0..=LONGEST_WAIT_SECONDS => Some(seconds),
        _ => None,
    };
    match setting {
        Setting::Value(seconds) => Ok(*seconds),
        Setting::Path(expression) => {
            let source = &expression.source;
            let fault = |what: String| EvalError::runtime(format!("The SecondsPath parameter {what}"));
            let value = scope
                .query(&expression.query)
                .map_err(|_| fault(format!("does not reference an input value: {source}")))?;
            let seconds = value.as_i64().ok_or_else(|| {
                fault(format!("cannot be parsed as a long value: {source} == {}", plain(&value)))
            })?;
            let seconds = u64::try_from(seconds)
                .map_err(|_| fault(format!("references a negative value: {source} == {seconds}")))?;
            within(seconds).ok_or_else(|| EvalError::runtime(TOO_LONG))
        }
        Setting::Jsonata(jsonata) => {
            let seconds = scope.jsonata_count(jsonata)?;
            within(seconds).ok_or_else(|| EvalError::evaluation(Some(jsonata.field.clone()), TOO_LONG))
        }
    }
}

fn wait_timestamp(scope: &Scope<'_>, setting: &Setting<Timestamp>) -> EvalResult<Timestamp> {
    match setting {
        Setting::Value(at) => Ok(*at),
        Setting::Path(expression) => {
            let source = &expression.source;
            let value = scope.query(&expression.query).map_err(|_| {
                EvalError::runtime(format!(
                    "The TimestampPath parameter does not reference an input value: {source}"
                ))
            })?;
            value.as_str().and_then(Timestamp::parse_iso).ok_or_else(|| {
                EvalError::runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {source} == {}",
                    plain(&value)
                ))
            })
        }
        Setting::Jsonata(jsonata) => {
            let text = scope.jsonata_string(jsonata)?;
            Timestamp::parse_iso(&text).ok_or_else(|| {
                let cause = format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
                );
                EvalError::evaluation(Some(jsonata.field.clone()), cause)
            })
        }
    }
}

/// A value in a message: a string without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
