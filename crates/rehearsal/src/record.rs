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
    /// The states that were entered, in order.
    pub steps: Vec<Step>,
    /// How often tasks were called, by their states' names.
    pub calls: BTreeMap<Str, u64>,
    /// The whole history.
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
    /// The iteration of a Map that it is the first state of.
    pub iteration: Option<u64>,
    /// When it was entered, in virtual milliseconds since the start.
    pub at: i64,
    /// The calls that it made.
    pub attempts: Vec<Attempt>,
    /// When it was left, and its output; none if it failed.
    pub left: Option<(i64, Payload)>,
}

/// One call of a Task state.
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
        events: Vec<Event>,
        calls: BTreeMap<Str, u64>,
        start: Timestamp,
    ) -> Self {
        let since = |at: Timestamp| at.as_millis() - start.as_millis();
        let millis = events.last().map_or(0, |event| since(event.timestamp));
        let mut reading = Reading::default();
        for event in &events {
            reading.event(event, since(event.timestamp));
        }
        Self { outcome, millis, steps: reading.steps, calls, events }
    }

    /// The execution's status, in AWS's word.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self.outcome {
            Outcome::Succeeded(_) => "SUCCEEDED",
            Outcome::Failed(_) => "FAILED",
            Outcome::TimedOut(_) => "TIMED_OUT",
            Outcome::Aborted(_) => "ABORTED",
        }
    }

    /// The outermost states in the order in which they were entered.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter(|step| step.depth == 0).map(|step| &*step.state)
    }
}

/// Makes steps of events. An event belongs to the step of the one that it follows, unless it begins one.
#[derive(Debug, Default)]
struct Reading {
    steps: Vec<Step>,
    /// The step of each event.
    of: HashMap<EventId, usize>,
    /// Events that a step within begins with: its depth, and its iteration.
    within: HashMap<EventId, (usize, Option<u64>)>,
    /// The latest step of each state that has steps within.
    latest: HashMap<Str, usize>,
}

impl Reading {
    fn event(&mut self, event: &Event, at: i64) {
        let here = self.of.get(&event.previous).copied();
        let here = match &event.detail {
            Detail::StateEntered { state_type, name, .. } => {
                let outside = here.and_then(|step| self.steps.get(step)).map_or(0, |step| step.depth);
                let (depth, iteration) = self.within.get(&event.previous).copied().unwrap_or((outside, None));
                let state_type = state_type.name();
                let state = name.clone();
                self.latest.insert(name.clone(), self.steps.len());
                let attempts = Vec::new();
                self.steps.push(Step { state, state_type, depth, iteration, at, attempts, left: None });
                Some(self.steps.len() - 1)
            }
            Detail::MapIterationStarted(iteration) => {
                let map = self.latest.get(&iteration.name).copied();
                let depth = map.and_then(|step| self.steps.get(step)).map_or(0, |step| step.depth);
                self.within.insert(event.id, (depth + 1, Some(iteration.index)));
                map
            }
            Detail::ParallelStarted => {
                let depth = here.and_then(|step| self.steps.get(step)).map_or(0, |step| step.depth);
                self.within.insert(event.id, (depth + 1, None));
                here
            }
            Detail::StateExited { name, output, .. } => {
                let step = self.latest_of(name, here);
                if let Some(step) = step.and_then(|step| self.steps.get_mut(step)) {
                    step.left = Some((at, output.clone()));
                }
                step
            }
            detail => {
                if let Some(step) = here.and_then(|step| self.steps.get_mut(step)) {
                    attempt(step, detail, at);
                }
                here
            }
        };
        self.of.extend(here.map(|step| (event.id, step)));
    }

    /// The step that a state was left with: what it follows may be a step within.
    fn latest_of(&self, name: &Str, here: Option<usize>) -> Option<usize> {
        let same = |step: &usize| self.steps.get(*step).is_some_and(|step| step.state == *name);
        here.filter(same).or_else(|| self.latest.get(name).copied())
    }
}

/// Notes what an event tells of a call.
fn attempt(step: &mut Step, detail: &Detail, at: i64) {
    match detail {
        Detail::TaskScheduled { .. }
        | Detail::LambdaFunctionScheduled { .. }
        | Detail::ActivityScheduled { .. } => step.attempts.push(Attempt { at, fault: None }),
        Detail::TaskFailed { fault, .. } | Detail::TaskTimedOut { fault, .. } => failed(step, fault),
        Detail::LambdaFunctionFailed(fault)
        | Detail::LambdaFunctionTimedOut(fault)
        | Detail::ActivityFailed(fault)
        | Detail::ActivityTimedOut(fault) => failed(step, fault),
        _ => {}
    }
}

fn failed(step: &mut Step, fault: &Fault) {
    if let Some(attempt) = step.attempts.last_mut() {
        attempt.fault = Some(fault.clone());
    }
}
