//! Parallel and inline Map: frames below a frame.

use newel_asl::error;
use newel_asl::plan::{
    Kind, Map, Parallel, Query, QueryLanguage, ResultPath, Setting, State, Template, Transition,
};
use newel_value::{Payload, Value};

use super::distributed::{count, tolerance};
use crate::eval::{EvalResult, Scope};
use crate::event::{Detail, EventId};
use crate::execution::{FramePath, Iterations, Phase};
use crate::fault::EvalError;
use crate::frames::child_path;
use crate::map_run::Item;
use crate::probe::Stage;
use crate::transition::Extra;
use crate::turn::{Runner, Step, iteration};

impl Runner<'_, '_> {
    pub(super) fn start_branches(&mut self, path: &FramePath, state: &State, parallel: &Parallel) -> Step {
        if let Some(succeeded) = self.unconcluded(path) {
            return self.conclude_branches(path, state, Branches::of_parallel(parallel), succeeded);
        }
        let effective = self.effective_input(path, state)?;
        let input = self.template_or(path, parallel.parameters.as_ref(), &effective)?;
        self.check_size(&input, &state.name)?;
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let started = self.emit(Detail::ParallelStarted, frame.previous);
        self.update(path, |frame| {
            frame.previous = started;
            frame.phase = Phase::Parallel;
        });
        for (index, branch) in (0..).zip(&parallel.branches) {
            let child = child_path(path, &state.name, index);
            self.spawn(child, Some(path.clone()), index, branch, input.compact(), started);
        }
        Ok(())
    }

    pub(super) fn start_iterations(&mut self, path: &FramePath, state: &State, map: &Map) -> Step {
        if let Some(succeeded) = self.unconcluded(path) {
            return self.conclude_branches(path, state, Branches::of_map(map), succeeded);
        }
        let effective = self.effective_input(path, state)?;
        let limit = self.world.limits.inline_map_concurrency;
        let (items, concurrency) = self.evaluate(path, effective.value(), |scope| {
            let items = items(scope, state, map)?;
            let concurrency = concurrency(scope, &map.max_concurrency, limit)?;
            // An inline Map tolerates nothing, but what is wrong with these is told.
            tolerance(scope, map)?;
            Ok((items, concurrency))
        })?;
        let length = items.value().as_array().map_or(0, <[Value]>::len);
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let started = self
            .emit(Detail::MapStarted { length: u64::try_from(length).unwrap_or(u64::MAX) }, frame.previous);
        self.update(path, |frame| {
            frame.previous = started;
            frame.phase = Phase::Map(Iterations { items, concurrency, input: effective });
        });
        if length == 0 {
            return self.conclude_branches(path, state, Branches::of_map(map), started);
        }
        for index in 0..concurrency.min(u32::try_from(length).unwrap_or(u32::MAX)) {
            self.start_iteration(path, state, map, index, started)?;
        }
        Ok(())
    }

    /// The latest event of a frame whose branches have all come to their end but whose state then failed, and which is
    /// redriven now: the branches needn't run again.
    fn unconcluded(&self, path: &str) -> Option<EventId> {
        self.execution.frames.children(path)?;
        self.execution.frames.get(path).map(|frame| frame.previous)
    }

    /// Goes on with a Map of a redriven execution: begins as many iterations as there is room for.
    pub(crate) fn resume_iterations(&mut self, path: &FramePath, redriven: EventId) {
        let Some((frame, state)) = self.current(path) else { return };
        let (Phase::Map(iterations), Kind::Map(map)) = (&frame.phase, &state.kind) else { return };
        let (begun, open) = self.execution.frames.children(path).map_or((0, 0), |children| {
            let begun = children.by_index.last_key_value().map_or(0, |(index, _)| index + 1);
            let all = u32::try_from(children.by_index.len()).unwrap_or(u32::MAX);
            (begun, all.saturating_sub(children.finished))
        });
        let room = iterations.concurrency.saturating_sub(open);
        let end = begun.saturating_add(room).min(length(iterations));
        for index in begun..end {
            if let Err(error) = self.start_iteration(path, &state, map, index, redriven) {
                self.fail_around(path, None, redriven, error);
                return;
            }
        }
    }

    fn start_iteration(
        &mut self,
        path: &FramePath,
        state: &State,
        map: &Map,
        index: u32,
        previous: EventId,
    ) -> Step {
        let Some(Phase::Map(iterations)) = self.execution.frames.get(path).map(|frame| frame.phase.clone())
        else {
            return Ok(());
        };
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(item) = iterations.items.value().as_array().and_then(|items| items.get(position)).cloned()
        else {
            return Ok(());
        };
        let input = match &map.item_selector {
            Some(selector) => {
                let item = Item { value: item, key: None, source: None };
                let extra = Extra { item: Some((index, item)), ..Extra::default() };
                self.evaluate_with(path, iterations.input.value(), extra, |scope| scope.template(selector))?
            }
            None => item,
        };
        let input = Payload::from(input);
        self.check_size(&input, &state.name)?;
        let started = self.emit(Detail::MapIterationStarted(iteration(&state.name, index)), previous);
        self.spawn(
            child_path(path, &state.name, index),
            Some(path.clone()),
            index,
            &map.processor,
            input,
            started,
        );
        Ok(())
    }

    /// A branch or iteration has come to its end with event `last`.
    pub(crate) fn child_finished(&mut self, parent: &FramePath, child: &FramePath, last: EventId) {
        let Some((_, state)) = self.current(parent) else { return };
        let done = match &state.kind {
            Kind::Parallel(parallel) => self.branch_finished(parent, &state, parallel, last),
            Kind::Map(map) => self.iteration_finished(parent, child, &state, map, last),
            Kind::Pass(_)
            | Kind::Task(_)
            | Kind::Choice(_)
            | Kind::Wait(_)
            | Kind::Succeed
            | Kind::Fail(_) => Ok(()),
        };
        if let Err(error) = done {
            let failing = match self.execution.frames.get(parent) {
                // It had no branches left: what came after their success failed.
                Some(frame) if matches!(frame.phase, Phase::Ready) => frame.previous,
                Some(_) | None => last,
            };
            self.fail_around(parent, None, failing, error);
        }
    }

    fn branch_finished(
        &mut self,
        path: &FramePath,
        state: &State,
        parallel: &Parallel,
        last: EventId,
    ) -> Step {
        let finished = self.execution.frames.children(path).map_or(0, |children| children.finished);
        if usize::try_from(finished).unwrap_or(0) < parallel.branches.len() {
            return Ok(());
        }
        self.conclude_branches(path, state, Branches::of_parallel(parallel), last)
    }

    fn iteration_finished(
        &mut self,
        path: &FramePath,
        child: &FramePath,
        state: &State,
        map: &Map,
        last: EventId,
    ) -> Step {
        let Some(index) = self.execution.frames.get(child).map(|frame| frame.index) else { return Ok(()) };
        let succeeded = self.emit(Detail::MapIterationSucceeded(iteration(&state.name, index)), last);
        let Some(Phase::Map(iterations)) = self.execution.frames.get(path).map(|frame| &frame.phase) else {
            return Ok(());
        };
        let length = length(iterations);
        let (finished, begun) = match self.execution.frames.children(path) {
            Some(children) => {
                (children.finished, children.by_index.last_key_value().map_or(0, |(index, _)| index + 1))
            }
            None => (0, 0),
        };
        if begun < length {
            // The item that takes the freed place follows the last event of the iteration that freed it.
            return self.start_iteration(path, state, map, begun, last);
        }
        if finished < length {
            return Ok(());
        }
        self.conclude_branches(path, state, Branches::of_map(map), succeeded)
    }

    /// All branches or iterations have finished; `last` is the event that the state's last ones follow.
    fn conclude_branches(
        &mut self,
        path: &FramePath,
        state: &State,
        branches: Branches<'_>,
        last: EventId,
    ) -> Step {
        let succeeded = self.emit(branches.succeeded.clone(), last);
        let raw = self.gather(path);
        self.update(path, |frame| {
            frame.previous = last;
            frame.phase = Phase::Ready;
        });
        let concluded = self.conclude_result(path, state, &branches, &raw);
        match &concluded {
            // Unless the result is what failed, the branches are kept: a redrive doesn't run them again.
            Err(failure) if failure.fault.error.as_deref() != Some(error::DATA_LIMIT_EXCEEDED) => {}
            Ok(()) | Err(_) => self.drop_children(path),
        }
        concluded.map_err(|mut error| {
            // Unlike the state's Exited, a fault follows the state's success.
            self.update(path, |frame| frame.previous = succeeded);
            self.record_evaluation(path, &mut error);
            error
        })
    }

    /// What follows once the raw result is there.
    pub(super) fn conclude_result(
        &mut self,
        path: &FramePath,
        state: &State,
        branches: &Branches<'_>,
        raw: &Payload,
    ) -> Step {
        let result = self.template_or(path, branches.result_selector, raw)?;
        self.note(Stage::AfterResultSelector, &result);
        let output = self.put(path, branches.result_path, &result)?;
        self.note(Stage::AfterResultPath, &output);
        self.conclude(path, state, output, raw, branches.transition)
    }

    /// The results of all branches or iterations in their order.
    fn gather(&self, path: &FramePath) -> Payload {
        let results: Value = self
            .children_of(path)
            .iter()
            .filter_map(|child| match &self.execution.frames.get(child)?.phase {
                Phase::Finished { output } => Some(output.value().clone()),
                _ => None,
            })
            .collect();
        results.into()
    }
}

fn length(iterations: &Iterations) -> u32 {
    u32::try_from(iterations.items.value().as_array().map_or(0, <[Value]>::len)).unwrap_or(u32::MAX)
}

/// What Parallel and Map have alike once their branches have finished.
pub(super) struct Branches<'a> {
    succeeded: Detail,
    result_selector: Option<&'a Template>,
    result_path: &'a ResultPath,
    transition: &'a Transition,
}

impl<'a> Branches<'a> {
    pub(super) const fn of_parallel(parallel: &'a Parallel) -> Self {
        Self {
            succeeded: Detail::ParallelSucceeded,
            result_selector: parallel.result_selector.as_ref(),
            result_path: &parallel.result_path,
            transition: &parallel.transition,
        }
    }

    pub(super) const fn of_map(map: &'a Map) -> Self {
        Self {
            succeeded: Detail::MapSucceeded,
            result_selector: map.result_selector.as_ref(),
            result_path: &map.result_path,
            transition: &map.transition,
        }
    }
}

/// What a Map iterates over: an array, or an object if it is distributed.
pub(super) fn items(scope: &Scope<'_>, state: &State, map: &Map) -> EvalResult<Payload> {
    if state.language == QueryLanguage::Jsonata {
        return jsonata_items(scope, map).map(Payload::from);
    }
    let (value, source) = match &map.items_path {
        Some(expression) => {
            // A path into the context object is named by what follows its first `$`, as AWS's recordings show it.
            let source = match &expression.query {
                Query::Context(path) => path.as_str(),
                Query::Input(_) | Query::Variable(..) | Query::Intrinsic(_) => &expression.source,
            };
            (scope.expression(expression)?, source)
        }
        None => (scope.data.input.clone(), "$"),
    };
    match value {
        Value::Array(_) => Ok(value.into()),
        Value::Object(_) if map.distributed.is_some() => Ok(value.into()),
        _ => Err(EvalError::runtime(format!("Reference path \"{source}\" must point to array."))),
    }
}

/// `Items`, or the input where there are none.
fn jsonata_items(scope: &Scope<'_>, map: &Map) -> EvalResult<Value> {
    let value = match &map.items {
        Some(Template::Jsonata(jsonata)) if map.distributed.is_some() => {
            return scope.jsonata_items(jsonata);
        }
        Some(Template::Jsonata(jsonata)) => return scope.jsonata_array(jsonata),
        Some(template) => scope.template(template)?,
        None => scope.data.input.clone(),
    };
    match value {
        Value::Array(_) => Ok(value),
        Value::Object(_) if map.distributed.is_some() => Ok(value),
        other => {
            let message = format!("Map state input must be an array but was: {}", super::plain(&other));
            Err(EvalError::evaluation(None, message))
        }
    }
}

/// How many iterations may run at once: what the definition says, held at the limit.
fn concurrency(scope: &Scope<'_>, setting: &Setting<u64>, limit: u64) -> EvalResult<u32> {
    let wanted = count(scope, "MaxConcurrencyPath", setting)?;
    let effective = if wanted == 0 { limit } else { wanted.min(limit) };
    Ok(u32::try_from(effective.max(1)).unwrap_or(u32::MAX))
}
