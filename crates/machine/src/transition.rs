//! What every type of state does alike: evaluate, begin and end frames, leave a state.

use std::cell::RefCell;

use newel_asl::plan::{Kind, Scope as Branch, Transition};
use newel_asl::timestamp::Timestamp;
use newel_asl::{error, plan};
use newel_value::{MAX_DEPTH, Object, Payload, Str, Value};

use crate::eval::{Context, Data, Scope};
use crate::event::{Detail, EventId};
use crate::execution::{Frame, FramePath, Outcome, Phase};
use crate::fault::{EvalError, StateError};
use crate::map_run::Item;
use crate::size::{self, Excess};
use crate::turn::{Runner, Step, state_type};

/// What the context object has beside what every state's has.
#[derive(Default)]
pub(crate) struct Extra {
    /// Whether there is `State.RetryCount`: only states that can have a Retry show it.
    pub(crate) retries: bool,
    /// `Task.Token`
    pub(crate) token: Option<Str>,
    /// `Map.Item` of an iteration about to begin: its index, and it.
    pub(crate) item: Option<(u32, Item)>,
    /// The object that a state under test is given instead.
    pub(crate) context: Option<Value>,
    /// How often the execution has been redriven, and when it last was.
    pub(crate) redrives: (u64, Option<Timestamp>),
}

impl Runner<'_, '_> {
    /// Runs `use_scope` with `$` being `input` in a frame's current state; failures become the state's.
    pub(crate) fn evaluate<T>(
        &self,
        path: &str,
        input: &Value,
        use_scope: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, StateError> {
        self.evaluate_with(path, input, Extra::default(), use_scope)
    }

    /// As [`Self::evaluate`], with more in the context object.
    pub(crate) fn evaluate_with<T>(
        &self,
        path: &str,
        input: &Value,
        extra: Extra,
        use_scope: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, StateError> {
        self.evaluate_data(path, Data::input(input), extra, use_scope)
    }

    /// As [`Self::evaluate`], with all that an expression may see.
    pub(crate) fn evaluate_data<T>(
        &self,
        path: &str,
        data: Data<'_>,
        mut extra: Extra,
        use_scope: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, StateError> {
        let Some((frame, state)) = self.current(path) else {
            return Err(StateError::new(error::RUNTIME, "The branch is gone"));
        };
        extra.context = self.probe.and_then(|probe| probe.context.clone());
        extra.retries = matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_));
        extra.redrives = (self.execution.redrives.count, self.execution.redrives.last);
        let frames = &self.execution.frames;
        let context = Context::new(&self.execution.info, frames, frame, extra);
        let budget = RefCell::new(newel_jsonata::Budget::default());
        let world = self.world;
        let scope =
            Scope { data, context: &context, frames, frame, random: world.random, now: world.now, budget };
        use_scope(&scope).map_err(|failure| state_error(frame, failure))
    }

    /// A payload template that a state may have, with `otherwise` where it has none.
    pub(crate) fn template_or(
        &self,
        path: &str,
        template: Option<&plan::Template>,
        otherwise: &Payload,
    ) -> Result<Payload, StateError> {
        match template {
            Some(template) => {
                self.evaluate(path, otherwise.value(), |scope| scope.template(template)).map(Payload::from)
            }
            None => Ok(otherwise.clone()),
        }
    }

    /// What `Assign` sets.
    pub(crate) fn assigned(
        &self,
        path: &str,
        assign: Option<&plan::Template>,
        data: Data<'_>,
    ) -> Result<Object, StateError> {
        match assign {
            Some(assign) => {
                self.evaluate_data(path, data, Extra::default(), |scope| scope.assignments(assign))
            }
            None => Ok(Object::default()),
        }
    }

    /// What a JSONata state's `Assign` sets and its `Output` gives, neither of which sees the other; `otherwise` is the
    /// output of a state that doesn't say one.
    pub(crate) fn assigned_and_output(
        &self,
        path: &str,
        (assign, output): (Option<&plan::Template>, Option<&plan::Template>),
        data: Data<'_>,
        otherwise: Payload,
    ) -> Result<(Object, Payload), StateError> {
        if assign.is_none() && output.is_none() {
            return Ok((Object::default(), otherwise));
        }
        self.evaluate_data(path, data, Extra::default(), |scope| {
            let assigned = assign.map_or(Ok(Object::default()), |assign| scope.assignments(assign))?;
            let output = output.map(|output| scope.template(output)).transpose()?;
            Ok((assigned, output.map_or(otherwise, Payload::from)))
        })
    }

    /// A new frame at the start of a branch.
    pub(crate) fn spawn(
        &mut self,
        path: FramePath,
        parent: Option<FramePath>,
        index: u32,
        branch: &Branch,
        input: Payload,
        previous: EventId,
    ) {
        let frame = Frame {
            parent,
            index,
            state: branch.start_at.clone(),
            input,
            entered: 0,
            entered_at: self.world.now,
            previous,
            retries: Vec::new(),
            attempts: 0,
            variables: Object::default(),
            phase: Phase::Ready,
            entered_after: 0,
        };
        if !self.removed.remove(&path) {
            self.begun.insert(path.clone());
        }
        self.changed.insert(path.clone());
        self.execution.frames.insert(path, frame);
    }

    pub(crate) fn update<T>(&mut self, path: &FramePath, change: impl FnOnce(&mut Frame) -> T) -> Option<T> {
        let changed = self.execution.frames.update(path, change);
        if changed.is_some() {
            self.changed.insert(path.clone());
        }
        changed
    }

    pub(crate) fn remove(&mut self, path: &FramePath) {
        if self.execution.frames.remove(path).is_some() {
            self.changed.remove(path);
            if !self.begun.remove(path) {
                self.removed.insert(path.clone());
            }
        }
    }

    /// Leaves the current state with an output.
    pub(crate) fn leave(
        &mut self,
        path: &FramePath,
        output: Payload,
        assigned: &Object,
        transition: &Transition,
    ) -> Step {
        let Some((frame, state)) = self.current(path) else { return Ok(()) };
        let previous = frame.previous;
        let variables = self.assign(frame, assigned)?;
        // Recorded: the first state is entered with the execution's input as it was written; nothing keeps that any longer, but for
        // a state under test, whose output is what it was given.
        let output = if self.probe.is_some() { output } else { output.compact() };
        self.check_size(&output, &state.name)?;
        let detail = Detail::StateExited {
            state_type: state_type(&state),
            name: state.name.clone(),
            output: output.clone(),
            assigned: assigned.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect(),
        };
        let exited = self.emit(detail, previous);
        if let Some(probe) = self.probe {
            let next = match transition {
                Transition::Next(next) => Some(next),
                Transition::End => None,
            };
            probe.left(&output, &variables, next);
        }
        match transition {
            Transition::Next(next) => {
                let next = next.clone();
                self.update(path, |frame| {
                    frame.state = next;
                    frame.entered = 0;
                    frame.input = output;
                    frame.previous = exited;
                    frame.variables = variables;
                    frame.phase = Phase::Ready;
                });
            }
            Transition::End => self.finish_frame(path, output, exited),
        }
        Ok(())
    }

    fn finish_frame(&mut self, path: &FramePath, output: Payload, last: EventId) {
        let parent = self.execution.frames.get(path).and_then(|frame| frame.parent.clone());
        match parent {
            None => self.close(Outcome::Succeeded(output), last),
            Some(parent) => {
                self.update(path, |frame| {
                    frame.previous = last;
                    frame.phase = Phase::Finished { output };
                });
                self.child_finished(&parent, path, last);
            }
        }
    }

    /// Checks a payload that a state or task gave against the limit; `what` is how the error names it.
    pub(crate) fn check_size(&mut self, payload: &Payload, what: &str) -> Step {
        let limit = self.world.limits.payload_bytes;
        match size::check(payload.value(), limit) {
            Err(Excess::Depth) => {
                let cause = format!("The output of '{what}' nests deeper than {MAX_DEPTH} levels.");
                Err(StateError::new(error::RUNTIME, cause))
            }
            Ok(()) if payload.text().len() <= limit => {
                self.bytes += payload.text().len();
                Ok(())
            }
            Ok(()) | Err(Excess::Bytes) => Err(StateError::too_large(what)),
        }
    }
}

/// The error of a state in which an expression failed.
pub(crate) fn state_error(frame: &Frame, failure: EvalError) -> StateError {
    if frame.entered == 0 {
        let error = StateError::new(failure.error, failure.message);
        return StateError { evaluation: failure.evaluation, ..error };
    }
    let cause = format!(
        "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
        frame.state, frame.entered, failure.message
    );
    StateError { evaluation: failure.evaluation, ..StateError::new(failure.error, cause) }
}
