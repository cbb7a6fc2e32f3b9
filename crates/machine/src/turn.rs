//! A turn: from inputs until every frame waits, or the budget is spent.

use std::collections::BTreeSet;

use newel_asl::catalog::{Pattern, Resource};
use newel_asl::error;
use newel_asl::plan::{Kind, Scope as Branch, State};
use newel_asl::timestamp::Timestamp;
use newel_value::Str;

use crate::event::{Detail, Event, EventId, Fault, Iteration, StateType};
use crate::execution::{Attempt, Execution, Frame, FramePath, Outcome, Phase};
use crate::fault::StateError;
use crate::input::{Effect, Input, Reply, TaskReport, Turn};
use crate::probe::Probe;
use crate::world::{TaskKey, World};

/// Runs one turn: applies the inputs in order, then lets every frame go as far as it can within the budget.
///
/// What it changes in `execution` and what it returns belong together: either all of it becomes durable, or the
/// execution is loaded again. When the budget ends the turn early, [`Execution::is_ready`] says so, or, where more
/// frames were due than the budget had room for, [`Execution::next_due`] is still in the past.
pub fn turn(execution: &mut Execution, inputs: impl IntoIterator<Item = Input>, world: World<'_>) -> Turn {
    probed(execution, inputs, world, None)
}

/// As [`turn`], for a state under test.
pub(crate) fn probed<'w>(
    execution: &mut Execution,
    inputs: impl IntoIterator<Item = Input>,
    world: World<'w>,
    probe: Option<&'w Probe>,
) -> Turn {
    let mut runner = Runner::new(execution, world);
    runner.probe = probe;
    for input in inputs {
        let reply = runner.apply(input);
        runner.turn.replies.push(reply);
    }
    runner.run();
    runner.finish()
}

/// The turn being made.
pub(crate) struct Runner<'e, 'w> {
    pub(crate) execution: &'e mut Execution,
    pub(crate) world: World<'w>,
    turn: Turn,
    pub(crate) changed: BTreeSet<FramePath>,
    pub(crate) removed: BTreeSet<FramePath>,
    /// Frames that began in this turn: if they also end in it, nobody outside ever hears of them.
    pub(crate) begun: BTreeSet<FramePath>,
    /// Bytes of the payloads that this turn has made.
    pub(crate) bytes: usize,
    /// What is noted of a state under test.
    pub(crate) probe: Option<&'w Probe>,
    /// Whether an event was held back because the history is full but for its last place.
    history_full: bool,
}

/// What a state's work ends in, unless it waits.
pub(crate) type Step = Result<(), StateError>;

impl<'e, 'w> Runner<'e, 'w> {
    fn new(execution: &'e mut Execution, world: World<'w>) -> Self {
        Self {
            execution,
            world,
            turn: Turn::default(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
            begun: BTreeSet::new(),
            bytes: 0,
            probe: None,
            history_full: false,
        }
    }

    fn finish(mut self) -> Turn {
        self.turn.changed = self.changed.into_iter().collect();
        self.turn.removed = self.removed.into_iter().collect();
        self.turn
    }

    fn run(&mut self) {
        // A turn does something however short its time: else one that is always late would never get on.
        while self.execution.outcome.is_none() && (self.turn.events.is_empty() || !self.budget_spent()) {
            if self.probe.is_some_and(Probe::is_over) {
                break;
            }
            let Some(path) = self.execution.frames.next_ready().cloned() else { break };
            let before = self.execution.last_event;
            self.step(&path);
            self.close_if_history_is_full();
            if self.execution.last_event == before {
                // Every step records something, unless what is stored doesn't fit the plan: it would never end.
                let error = StateError::new(error::RUNTIME, "The definition has no such state");
                self.close(Outcome::Failed(error.fault), before);
            }
        }
    }

    fn budget_spent(&self) -> bool {
        let budget = &self.world.budget;
        self.turn.events.len() >= budget.events || self.bytes >= budget.bytes || (budget.expired)()
    }

    fn apply(&mut self, input: Input) -> Reply {
        if self.execution.outcome.is_some() && !matches!(input, Input::Redrive { .. }) {
            return Reply::Stale;
        }
        let reply = match input {
            Input::Redrive { token } => self.redrive(token),
            Input::Start => self.start(),
            Input::Clock => self.clock(),
            Input::Stop(fault) => {
                self.close(Outcome::Aborted(fault), 0);
                Reply::Accepted
            }
            Input::Task(key, report) => self.report(&key, None, report),
            Input::MapRun(key, redrives, report) => self.map_run_report(&key, redrives, report),
            Input::Token(key, secret, report) => self.report(&key, Some(secret), report),
        };
        self.close_if_history_is_full();
        reply
    }

    fn start(&mut self) -> Reply {
        if self.execution.last_event > 0 {
            return Reply::Stale;
        }
        let info = self.execution.info.clone();
        self.execution.deadline = Some(self.deadline());
        let started = Detail::ExecutionStarted {
            input: info.input.clone(),
            role_arn: info.role_arn.clone(),
            alias_arn: info.alias_arn.clone(),
            version_arn: info.version_arn.clone(),
        };
        self.emit(started, 0);
        // Both the first event and the first state's Entered follow nothing.
        self.spawn("".into(), None, 0, &self.world.plan.root, info.input.clone(), 0);
        if let Some(probe) = self.probe {
            // Only an execution has a time limit.
            self.execution.deadline = None;
            self.update(&"".into(), |frame| frame.variables = probe.variables.clone());
        }
        Reply::Accepted
    }

    /// When the execution times out that starts or is redriven now: by its own limit, or by the longest it may be open.
    pub(crate) fn deadline(&self) -> Timestamp {
        let started_at = self.execution.info.started_at;
        let from = self.execution.redrives.last.unwrap_or(started_at);
        let own = after_seconds(from, self.world.plan.timeout_seconds.unwrap_or(u64::MAX));
        own.min(after_seconds(started_at, self.world.limits.execution_seconds))
    }

    fn clock(&mut self) -> Reply {
        if self.execution.deadline.is_some_and(|deadline| deadline <= self.world.now) {
            let fault = Fault { error: Some(error::TIMEOUT.into()), cause: None };
            self.close(Outcome::TimedOut(fault), self.execution.last_event);
            return Reply::Accepted;
        }
        self.due_frames();
        Reply::Accepted
    }

    /// Carries out what frames are due for, as far as the budget goes; the rest stays due.
    pub(crate) fn due_frames(&mut self) {
        for path in self.execution.frames.due_until(self.world.now, self.world.budget.events.max(1)) {
            // An earlier one of these may have ended this one's branch.
            match self.execution.frames.get(&path).map(|frame| frame.phase.clone()) {
                Some(Phase::Waiting { .. }) => self.leave_wait(&path),
                Some(Phase::Backoff { .. }) => {
                    self.update(&path, |frame| frame.phase = Phase::Ready);
                    self.attempt(&path);
                }
                Some(Phase::Task(attempt)) => self.time_out(&path, &attempt),
                Some(
                    Phase::Ready
                    | Phase::Parallel
                    | Phase::Map(_)
                    | Phase::MapRun(_)
                    | Phase::Finished { .. },
                )
                | None => {}
            }
            if self.execution.outcome.is_some() || self.history_full || self.budget_spent() {
                break;
            }
        }
    }

    /// One step of a frame: enter a state and do what it does, or start a scheduled task.
    fn step(&mut self, path: &FramePath) {
        match self.execution.frames.get(path).map(|frame| &frame.phase) {
            Some(Phase::Ready) => {
                self.enter(path);
                if !self.history_full {
                    self.attempt(path);
                }
            }
            Some(Phase::Task(_)) => self.start_task(path),
            Some(
                Phase::Waiting { .. }
                | Phase::Backoff { .. }
                | Phase::Parallel
                | Phase::Map(_)
                | Phase::MapRun(_)
                | Phase::Finished { .. },
            )
            | None => {}
        }
    }

    fn enter(&mut self, path: &FramePath) {
        let Some((frame, state)) = self.current(path) else { return };
        let detail = Detail::StateEntered {
            state_type: state_type(&state),
            name: state.name.clone(),
            input: frame.input.clone(),
        };
        let follows = frame.previous;
        let entered = self.emit(detail, follows);
        let now = self.world.now;
        // A state under test has no place in a history that a message could name.
        let place = if self.probe.is_some() { 0 } else { entered };
        self.update(path, |frame| {
            frame.entered = place;
            frame.entered_after = follows;
            frame.entered_at = now;
            frame.previous = entered;
            frame.retries.clear();
            frame.attempts = 0;
        });
    }

    /// Does what the current state does; again, when it is retried.
    fn attempt(&mut self, path: &FramePath) {
        if let Err(error) = self.execute(path) {
            let failing = self.execution.frames.get(path).map_or(0, |frame| frame.previous);
            self.fail_around(path, None, failing, error);
        }
    }

    /// A report on a task attempt; `secret` is that of the token it came with, if it came with one.
    fn report(&mut self, key: &TaskKey, secret: Option<[u8; 16]>, report: TaskReport) -> Reply {
        let Some(attempt) = self.execution.open_attempt(key).cloned() else { return Reply::Stale };
        if secret.is_some() && attempt.secret != secret {
            return Reply::Stale;
        }
        self.task_report(key, &attempt, secret.is_some(), report);
        Reply::Accepted
    }

    /// A frame and its current state.
    pub(crate) fn current(&self, path: &str) -> Option<(&Frame, std::sync::Arc<State>)> {
        let frame = self.execution.frames.get(path)?;
        let state = self.branch(frame)?.states.get(&frame.state)?;
        Some((frame, state.clone()))
    }

    /// The `States` map a frame runs in. Nesting is bounded by the definition's, which compilation bounds.
    fn branch(&self, frame: &Frame) -> Option<&std::sync::Arc<Branch>> {
        let Some(parent) = &frame.parent else { return Some(&self.world.plan.root) };
        let parent = self.execution.frames.get(parent)?;
        match &self.branch(parent)?.states.get(&parent.state)?.kind {
            Kind::Parallel(parallel) => parallel.branches.get(usize::try_from(frame.index).ok()?),
            Kind::Map(map) => Some(&map.processor),
            Kind::Pass(_)
            | Kind::Task(_)
            | Kind::Choice(_)
            | Kind::Wait(_)
            | Kind::Succeed
            | Kind::Fail(_) => None,
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.turn.effects.push(effect);
    }

    /// Records an event and gives its id. The history's last place is kept for the event that closes the execution.
    pub(crate) fn emit(&mut self, detail: Detail, previous: EventId) -> EventId {
        let id = self.execution.last_event + 1;
        if id >= self.world.limits.history_events && !detail.is_terminal() {
            self.history_full = true;
            return self.execution.last_event;
        }
        self.execution.last_event = id;
        self.turn.events.push(Event { id, previous, timestamp: self.world.now, detail });
        id
    }

    fn close_if_history_is_full(&mut self) {
        if self.history_full && self.execution.outcome.is_none() {
            self.close(Outcome::Failed(Fault::default()), self.execution.last_event);
        }
    }

    /// Ends the execution; where an event had no place any more, by that whatever the outcome would have been. Frames
    /// of one that ended badly stay: it may be redriven.
    pub(crate) fn close(&mut self, outcome: Outcome, previous: EventId) {
        let (outcome, previous) = if self.history_full {
            let most = self.world.limits.history_events;
            let cause = format!("The execution reached the maximum number of history events ({most}).");
            (Outcome::Failed(StateError::new(error::RUNTIME, cause).fault), self.execution.last_event)
        } else {
            (outcome, previous)
        };
        let succeeded = matches!(outcome, Outcome::Succeeded(_));
        for path in self.execution.frames.paths() {
            self.abandon(&path);
            if succeeded {
                self.remove(&path);
            }
        }
        let detail = match &outcome {
            Outcome::Succeeded(output) => Detail::ExecutionSucceeded { output: output.clone() },
            Outcome::Failed(fault) => Detail::ExecutionFailed(fault.clone()),
            Outcome::TimedOut(fault) => Detail::ExecutionTimedOut(fault.clone()),
            Outcome::Aborted(fault) => Detail::ExecutionAborted(fault.clone()),
        };
        self.emit(detail, previous);
        self.execution.outcome = Some(outcome);
    }

    /// Lets the open attempt or map run of a frame go, if there is one.
    pub(crate) fn abandon(&mut self, path: &FramePath) {
        if self.abort_map_run(path) {
            return;
        }
        let job = self.current(path).is_some_and(|(_, state)| match &state.kind {
            Kind::Task(task) => stops_job(&task.resource),
            Kind::Pass(_)
            | Kind::Choice(_)
            | Kind::Wait(_)
            | Kind::Succeed
            | Kind::Fail(_)
            | Kind::Parallel(_)
            | Kind::Map(_) => false,
        });
        if let Some((task, attempt)) = self.take_attempt(path) {
            self.effect(Effect::Abandon { task, external_ref: attempt.external_ref, job });
        }
    }

    /// Takes its open attempt from a frame, so that it is settled or abandoned only once.
    pub(crate) fn take_attempt(&mut self, path: &FramePath) -> Option<(TaskKey, Attempt)> {
        let frame = self.execution.frames.get(path)?;
        let Phase::Task(attempt) = &frame.phase else { return None };
        let key = TaskKey { frame: path.clone(), entry: frame.entered, attempt: attempt.number };
        let attempt = attempt.clone();
        self.update(path, |frame| frame.phase = Phase::Ready);
        Some((key, attempt))
    }
}

/// Whether letting an attempt go means stopping something in the service.
fn stops_job(resource: &Resource) -> bool {
    match resource.pattern {
        Pattern::Job(_) => true,
        Pattern::RequestResponse | Pattern::Callback => false,
    }
}

/// The state's type in event names.
pub(crate) fn state_type(state: &State) -> StateType {
    match &state.kind {
        Kind::Pass(_) => StateType::Pass,
        Kind::Task(_) => StateType::Task,
        Kind::Choice(_) => StateType::Choice,
        Kind::Wait(_) => StateType::Wait,
        Kind::Succeed => StateType::Succeed,
        Kind::Fail(_) => StateType::Fail,
        Kind::Parallel(_) => StateType::Parallel,
        Kind::Map(_) => StateType::Map,
    }
}

/// An iteration as events name it.
pub(crate) fn iteration(name: &Str, index: u32) -> Iteration {
    Iteration { name: name.clone(), index: u64::from(index) }
}

pub(crate) fn after_seconds(at: Timestamp, seconds: u64) -> Timestamp {
    at.plus_millis(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000))
}
