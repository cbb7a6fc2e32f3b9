//! What happens when a state fails: Retry, then Catch, then the branch, then the execution.

use newel_asl::plan::{Catcher, Kind, QueryLanguage, Retrier, State, Transition};
use newel_asl::timestamp::Timestamp;
use newel_value::{ObjectBuilder, Value};

use crate::eval::{Data, put_result};
use crate::event::{Detail, EvaluationFailure, EventId, StateType};
use crate::execution::{Frame, FramePath, Outcome, Phase};
use crate::fault::{Evaluation, StateError};
use crate::transition::state_error;
use crate::turn::{Runner, Step, iteration, state_type};

impl Runner<'_, '_> {
    /// A frame's current state has failed; its `previous` is the event that tells of it, or that its evaluation failed
    /// after.
    pub(crate) fn fail(&mut self, path: &FramePath, mut error: StateError) {
        let evaluation = self.record_evaluation(path, &mut error).is_some();
        self.fail_recorded(path, error, evaluation);
    }

    /// Records `EvaluationFailed`, unless the error is none or the history has it already. Gives the event's id, which
    /// is the frame's `previous` then.
    pub(crate) fn record_evaluation(&mut self, path: &FramePath, error: &mut StateError) -> Option<EventId> {
        let Evaluation { field } = error.evaluation.take()?;
        let (frame, state) = self.current(path)?;
        let waits = matches!(state.kind, Kind::Wait(_));
        // Recorded: where nothing has happened since the state was entered, it follows what the entry follows.
        let follows =
            if frame.previous == frame.entered && !waits { frame.entered_after } else { frame.previous };
        let failure =
            EvaluationFailure { state: state.name.clone(), location: field, fault: error.fault.clone() };
        let failed = self.emit(Detail::EvaluationFailed(failure), follows);
        self.update(path, |frame| frame.previous = failed);
        Some(failed)
    }

    /// As [`Self::fail`] once the history tells of it; `evaluation` says that an evaluation failed just now.
    fn fail_recorded(&mut self, path: &FramePath, error: StateError, evaluation: bool) {
        let Some((frame, state)) = self.current(path) else { return };
        let (retriers, catchers) = handlers(&state);
        if let Some(probe) = self.probe {
            probe.failed(retriers, catchers, &error);
        }
        if let Some((index, until)) = self.retry_at(frame, retriers, &error) {
            self.drop_children(path);
            self.update(path, |frame| {
                frame.retries.resize(retriers.len(), 0);
                frame.retries[index] += 1;
                frame.phase = Phase::Backoff { until };
            });
            return;
        }
        self.record_failed_children(path, evaluation);
        match catchers.iter().find(|catcher| error.is_matched_by(&catcher.error_equals)) {
            Some(catcher) => {
                self.drop_children(path);
                if let Err(mut failure) = self.catch(path, &state, catcher, &error) {
                    self.record_evaluation(path, &mut failure);
                    self.propagate(path, failure);
                }
            }
            None => self.propagate(path, error),
        }
    }

    /// Which retrier applies, and when the next attempt is due.
    fn retry_at(
        &self,
        frame: &Frame,
        retriers: &[Retrier],
        error: &StateError,
    ) -> Option<(usize, Timestamp)> {
        let (index, retrier) =
            retriers.iter().enumerate().find(|(_, r)| error.is_matched_by(&r.error_equals))?;
        let before = self.probe.map_or(0, |probe| probe.retries);
        let used = frame.retries.get(index).copied().unwrap_or(0).saturating_add(before);
        if u64::from(used) >= retrier.max_attempts {
            return None;
        }
        Some((index, self.world.now.plus_millis(delay_millis(retrier, used, (self.world.random)()))))
    }

    /// `ParallelStateFailed` or `MapStateFailed`, if the state had got as far as having branches, or if an evaluation
    /// failed before.
    fn record_failed_children(&mut self, path: &FramePath, evaluation: bool) {
        let Some((frame, state)) = self.current(path) else { return };
        let detail = match (&frame.phase, &state.kind) {
            (Phase::Parallel, _) => Detail::ParallelFailed,
            (Phase::Map(_) | Phase::MapRun(_), _) => Detail::MapFailed,
            (Phase::Ready, Kind::Parallel(_)) if evaluation => Detail::ParallelFailed,
            (Phase::Ready, Kind::Map(_)) if evaluation => Detail::MapFailed,
            (
                Phase::Ready
                | Phase::Waiting { .. }
                | Phase::Task(_)
                | Phase::Backoff { .. }
                | Phase::Finished { .. },
                _,
            ) => return,
        };
        let failed = self.emit(detail, frame.previous);
        self.update(path, |frame| frame.previous = failed);
    }

    fn catch(&mut self, path: &FramePath, state: &State, catcher: &Catcher, error: &StateError) -> Step {
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let text = |text: &Option<newel_value::Str>| text.clone().map_or(Value::Null, Value::from);
        let mut builder = ObjectBuilder::with_capacity(2);
        builder.insert("Error", text(&error.fault.error)).insert("Cause", text(&error.fault.cause));
        let error_output = Value::from(builder.build());
        let (assigned, output) = match state.language {
            QueryLanguage::JsonPath => {
                let output = put_result(&catcher.result_path, frame.input.value(), error_output.clone())
                    .map_err(|failure| state_error(frame, failure))?;
                let data = Data::input(&error_output);
                (self.assigned(path, catcher.assign.as_ref(), data)?, output.into())
            }
            QueryLanguage::Jsonata => {
                let input = frame.input.clone();
                let data = Data { error_output: Some(&error_output), ..Data::input(input.value()) };
                let fields = (catcher.assign.as_ref(), catcher.output.as_ref());
                self.assigned_and_output(path, fields, data, error_output.clone().into())?
            }
        };
        self.leave(path, output, &assigned, &Transition::Next(catcher.next.clone()))
    }

    /// Nothing caught it: the branch fails, or the execution does.
    fn propagate(&mut self, path: &FramePath, error: StateError) {
        let Some(frame) = self.execution.frames.get(path) else { return };
        let (parent, failing) = (frame.parent.clone(), frame.previous);
        match parent {
            None => self.close(Outcome::Failed(error.fault), failing),
            Some(parent) => self.child_failed(&parent, path, failing, error),
        }
    }

    /// A branch or iteration has failed for good: its siblings are aborted, and with them the state around.
    fn child_failed(&mut self, parent: &FramePath, child: &FramePath, failing: EventId, error: StateError) {
        if let Some(failed) = self.map_iteration(child) {
            self.emit(Detail::MapIterationFailed(failed), failing);
        }
        self.fail_around(parent, Some(child), failing, error);
    }

    /// A state with branches fails after event `failing`, because of the branch `cause` if it is one: what still runs in
    /// it is aborted.
    pub(crate) fn fail_around(
        &mut self,
        path: &FramePath,
        cause: Option<&FramePath>,
        failing: EventId,
        mut error: StateError,
    ) {
        self.update(path, |frame| frame.previous = failing);
        let recorded = self.record_evaluation(path, &mut error);
        let failing = recorded.unwrap_or(failing);
        for child in self.children_of(path) {
            if Some(&child) == cause {
                self.record_failed_branch(&child, failing);
            } else {
                self.abort(&child, failing);
            }
        }
        self.fail_recorded(path, error, recorded.is_some());
    }

    /// `…StateAborted` of the state in which a Parallel's branch failed. Recorded: it has one, as its siblings do, and an
    /// iteration's has none.
    fn record_failed_branch(&mut self, path: &FramePath, failing: EventId) {
        let Some((_, state)) = self.current(path) else { return };
        if self.map_iteration(path).is_none() {
            self.record_abort(state_type(&state), failing);
        }
    }

    /// `…StateAborted` of the types of state that have it.
    fn record_abort(&mut self, state_type: StateType, failing: EventId) {
        if matches!(state_type, StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map) {
            self.emit(Detail::StateAborted { state_type }, failing);
        }
    }

    /// Aborts what a branch or iteration is doing, inner ones first. One that has finished has nothing to abort.
    fn abort(&mut self, path: &FramePath, failing: EventId) {
        for child in self.children_of(path) {
            self.abort(&child, failing);
        }
        let Some((frame, state)) = self.current(path) else { return };
        let entered = match frame.phase {
            Phase::Finished { .. } => return,
            Phase::Ready => false,
            Phase::Waiting { .. }
            | Phase::Task(_)
            | Phase::Backoff { .. }
            | Phase::Parallel
            | Phase::Map(_)
            | Phase::MapRun(_) => true,
        };
        if matches!(&frame.phase, Phase::MapRun(run) if run.open) {
            self.emit(Detail::MapRunAborted, failing);
        }
        self.abandon(path);
        if entered {
            self.record_abort(state_type(&state), failing);
        }
        if let Some(aborted) = self.map_iteration(path) {
            self.emit(Detail::MapIterationAborted(aborted), failing);
        }
    }

    /// Which iteration a frame is, if it is one.
    fn map_iteration(&self, path: &str) -> Option<crate::event::Iteration> {
        let frame = self.execution.frames.get(path)?;
        let (_, state) = self.current(frame.parent.as_deref()?)?;
        matches!(state.kind, Kind::Map(_)).then(|| iteration(&state.name, frame.index))
    }

    pub(crate) fn children_of(&self, parent: &str) -> Vec<FramePath> {
        self.execution
            .frames
            .children(parent)
            .map(|c| c.by_index.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Takes away all frames below one.
    pub(crate) fn drop_children(&mut self, path: &FramePath) {
        for child in self.children_of(path) {
            self.drop_children(&child);
            self.remove(&child);
        }
    }
}

fn handlers(state: &State) -> (&[Retrier], &[Catcher]) {
    match &state.kind {
        Kind::Task(task) => (&task.retry, &task.catch),
        Kind::Parallel(parallel) => (&parallel.retry, &parallel.catch),
        Kind::Map(map) => (&map.retry, &map.catch),
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed | Kind::Fail(_) => (&[], &[]),
    }
}

/// `min(IntervalSeconds · BackoffRate^used, MaxDelaySeconds)`, and with FULL jitter any instant up to that.
fn delay_millis(retrier: &Retrier, used: u32, random: u64) -> i64 {
    const LONGEST_SECONDS: f64 = 99_999_999.0;
    #[expect(clippy::cast_precision_loss, reason = "intervals are bounded by 99,999,999")]
    let interval = retrier.interval_seconds as f64;
    let exponent = i32::try_from(used).unwrap_or(i32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "a cap below 2^53")]
    let cap = retrier.max_delay_seconds.map_or(LONGEST_SECONDS, |seconds| seconds as f64);
    let seconds = (interval * retrier.backoff_rate.powi(exponent)).min(cap).min(LONGEST_SECONDS);
    #[expect(clippy::cast_possible_truncation, reason = "at most 99,999,999,000")]
    let millis = (seconds * 1_000.0) as i64;
    if retrier.full_jitter {
        let span = u128::from(millis.unsigned_abs()) + 1;
        return i64::try_from((u128::from(random) * span) >> 64).unwrap_or(millis);
    }
    millis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(rate: f64, cap: Option<u64>, jitter: bool) -> Retrier {
        Retrier {
            error_equals: vec![],
            interval_seconds: 2,
            max_attempts: 9,
            backoff_rate: rate,
            max_delay_seconds: cap,
            full_jitter: jitter,
        }
    }

    #[test]
    fn delays_grow_to_the_cap() {
        for (used, rate, cap, millis) in [
            (0, 2.0, None, 2_000),
            (1, 2.0, None, 4_000),
            (3, 1.5, None, 6_750),
            (9, 2.0, Some(10), 10_000),
            (u32::MAX, 10.0, None, 99_999_999_000),
        ] {
            assert_eq!(delay_millis(&retrier(rate, cap, false), used, 0), millis);
        }
    }

    #[test]
    fn full_jitter_spans_the_whole_delay() {
        assert_eq!(delay_millis(&retrier(1.0, None, true), 0, 0), 0);
        assert_eq!(delay_millis(&retrier(1.0, None, true), 0, u64::MAX), 2_000);
    }
}
