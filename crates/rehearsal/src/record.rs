//! What happened in a rehearsal, made out of its events.

use std::collections::{BTreeMap, HashMap};

use newel_asl::Timestamp;
use newel_machine::{Detail, Event, EventId, Fault, Outcome};
use newel_value::{Payload, Str};

/// What happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// How the execution ended.
    pub outcome: Outcome,
    /// How long it took, in virtual milliseconds.
    pub millis: i64,
    /// The states that were entered, in order, those of children of distributed Maps too.
    pub steps: Vec<Step>,
    /// How often tasks were called and items were read, by the states' names.
    pub calls: BTreeMap<Str, u64>,
    /// The whole history of the execution, without its children's.
    pub events: Vec<Event>,
}

/// One visit of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub state: Str,
    /// Its type.
    pub state_type: &'static str,
    /// How many states and iterations are around it.
    pub depth: usize,
    /// The iteration of a Map, or the child of a distributed one, that it is the first state of.
    pub iteration: Option<u64>,
    /// When it was entered, in virtual milliseconds since the start.
    pub at: i64,
    /// The calls that it made; of a distributed Map its map runs.
    pub attempts: Vec<Attempt>,
    /// When it was left, and its output; none if it failed.
    pub left: Option<(i64, Payload)>,
}

/// One call of a Task state, or a map run.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// When it began, in virtual milliseconds since the start.
    pub at: i64,
    /// How it failed; none if it didn't.
    pub fault: Option<Fault>,
}

impl Record {
    /// The record of a finished execution.
    pub(crate) fn new(
        outcome: Outcome,
        steps: Vec<Step>,
        calls: BTreeMap<Str, u64>,
        events: Vec<Event>,
        start: Timestamp,
    ) -> Self {
        let millis = events.last().map_or(0, |event| event.timestamp.as_millis() - start.as_millis());
        Self { outcome, millis, steps, calls, events }
    }

    /// The execution's status, in AWS's word.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        self.outcome.status()
    }

    /// The outermost states in the order in which they were entered.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter(|step| step.depth == 0).map(|step| &*step.state)
    }
}

/// Makes steps of an execution's events. An event belongs to the step of the one that it follows, unless it begins one.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The step of each event.
    of: HashMap<EventId, usize>,
    /// Events that a step within begins with: its depth, and its iteration.
    within: HashMap<EventId, (usize, Option<u64>)>,
    /// The latest step of each state.
    latest: HashMap<Str, usize>,
}

impl Reading {
    /// Of a child of a map run: which child it is, and how deep its states are.
    pub(crate) fn of_child(depth: usize, index: u32) -> Self {
        // Its first state follows nothing.
        let within = HashMap::from([(0, (depth, Some(u64::from(index))))]);
        Self { within, ..Self::default() }
    }

    /// The depth of the step that an event belongs to.
    pub(crate) fn depth_of(&self, steps: &[Step], event: EventId) -> usize {
        self.of.get(&event).and_then(|step| steps.get(*step)).map_or(0, |step| step.depth)
    }

    /// Takes in the next event.
    pub(crate) fn event(&mut self, steps: &mut Vec<Step>, event: &Event, at: i64) {
        let here = self.of.get(&event.previous).copied();
        let depth = |step: Option<usize>| step.and_then(|step| steps.get(step)).map_or(0, |step| step.depth);
        let here = match &event.detail {
            Detail::StateEntered { state_type, name, .. } => {
                let (depth, iteration) =
                    self.within.get(&event.previous).copied().unwrap_or((depth(here), None));
                let (state, state_type) = (name.clone(), state_type.name());
                self.latest.insert(name.clone(), steps.len());
                let attempts = Vec::new();
                steps.push(Step { state, state_type, depth, iteration, at, attempts, left: None });
                Some(steps.len() - 1)
            }
            Detail::MapIterationStarted(iteration) => {
                let map = self.latest.get(&iteration.name).copied();
                self.within.insert(event.id, (depth(map) + 1, Some(iteration.index)));
                map
            }
            Detail::ParallelStarted => {
                self.within.insert(event.id, (depth(here) + 1, None));
                here
            }
            Detail::StateExited { name, output, .. } => {
                let step = self.latest_of(steps, name, here);
                if let Some(step) = step.and_then(|step| steps.get_mut(step)) {
                    step.left = Some((at, output.clone()));
                }
                step
            }
            detail => {
                if let Some(step) = here.and_then(|step| steps.get_mut(step)) {
                    attempt(step, detail, at);
                }
                here
            }
        };
        self.of.extend(here.map(|step| (event.id, step)));
    }

    /// The step that a state was left with: what it follows may be a step within.
    fn latest_of(&self, steps: &[Step], name: &Str, here: Option<usize>) -> Option<usize> {
        let same = |step: &usize| steps.get(*step).is_some_and(|step| step.state == *name);
        here.filter(same).or_else(|| self.latest.get(name).copied())
    }
}

/// Notes what an event tells of a call.
fn attempt(step: &mut Step, detail: &Detail, at: i64) {
    match detail {
        Detail::TaskScheduled { .. }
        | Detail::LambdaFunctionScheduled { .. }
        | Detail::ActivityScheduled { .. }
        | Detail::MapRunStarted { .. } => step.attempts.push(Attempt { at, fault: None }),
        Detail::TaskFailed { fault, .. } | Detail::TaskTimedOut { fault, .. } => failed(step, fault),
        Detail::LambdaFunctionFailed(fault)
        | Detail::LambdaFunctionTimedOut(fault)
        | Detail::ActivityFailed(fault)
        | Detail::ActivityTimedOut(fault)
        | Detail::MapRunFailed(fault) => failed(step, fault),
        _ => {}
    }
}

fn failed(step: &mut Step, fault: &Fault) {
    if let Some(attempt) = step.attempts.last_mut() {
        attempt.fault = Some(fault.clone());
    }
}
