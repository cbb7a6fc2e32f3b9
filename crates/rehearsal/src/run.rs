//! The virtual-time loop.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use newel_asl::catalog::ResourceCatalog;
use newel_asl::plan::{Call, Kind, Plan, Scope};
use newel_asl::{Limits, Timestamp};
use newel_machine::{
    Budget, Effect, Event, Execution, Info, Input, ScheduledTask, TaskKey, TaskReport, TokenIssuer, Turn,
    World, turn,
};
use newel_value::{Payload, Str, Value};

use crate::{Case, Record};

/// Where a rehearsal is played.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The compiled definition.
    pub plan: &'a Plan,
    /// What completes task parameters.
    pub catalog: &'a dyn ResourceCatalog,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The state machine's name.
    pub machine: &'a str,
    /// When it begins.
    pub start: Timestamp,
}

impl fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// Why a rehearsal can't be played to its end: the mocks don't fit the definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The mocks name a state that the definition doesn't have.
    #[error("{location}: the definition has no state '{state}'")]
    NoState {
        /// The state.
        state: Str,
        /// Where the mocks name it.
        location: String,
    },
    /// The mocks answer for a state that calls nothing.
    #[error("{location}: the state '{state}' is no Task: only tasks can be mocked")]
    NoTask {
        /// The state.
        state: Str,
        /// Where the mocks name it.
        location: String,
    },
    /// A task is called that the mocks don't answer for.
    #[error("{location}/States: the task '{state}' is called and has no answer")]
    NoMock {
        /// The task's state.
        state: Str,
        /// The case.
        location: String,
    },
    /// A task is called more often than the mocks answer.
    #[error("{location}: call {call} of the task '{state}' (counted from 0) has no answer")]
    NoAnswer {
        /// The task's state.
        state: Str,
        /// Which call.
        call: u64,
        /// The answers.
        location: String,
    },
    /// The items of a distributed Map are worked on by executions of their own, which aren't played.
    #[error("the state '{state}' is a distributed Map, which a rehearsal doesn't run")]
    MapRun {
        /// The state.
        state: Str,
    },
    /// Nothing is due and nothing is answered any more.
    #[error("the execution waits for something that never comes")]
    Stuck,
}

/// Numbers that look random and are the same at every run.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Plays a case.
///
/// # Errors
/// [`Problem`] if the mocks don't fit the definition.
pub fn rehearse(scene: Scene<'_>, case: &Case) -> Result<Record, Problem> {
    check(scene.plan, case)?;
    let input = case.input.clone().unwrap_or_else(|| Value::empty_object().into());
    Play::new(scene, case, input).play_out()
}

/// The mocked states are tasks of the definition.
fn check(plan: &Plan, case: &Case) -> Result<(), Problem> {
    for (state, responses) in &case.states {
        let (state, location) = (state.clone(), responses.location.clone());
        match plan.root.find(&state).map(|found| &found.kind) {
            None => return Err(Problem::NoState { state, location: case.location.clone() }),
            Some(Kind::Task(_)) => {}
            Some(_) => return Err(Problem::NoTask { state, location }),
        }
    }
    Ok(())
}

/// A rehearsal under way.
struct Play<'a> {
    scene: Scene<'a>,
    case: &'a Case,
    execution: Execution,
    now: Timestamp,
    random: Cell<u64>,
    events: Vec<Event>,
    /// Answers that are due, by time and then by the order of their calls.
    answers: BTreeMap<(Timestamp, u64), (TaskKey, TaskReport)>,
    calls: BTreeMap<Str, u64>,
    all_calls: u64,
}

struct Tokens;

impl TokenIssuer for Tokens {
    fn issue(&self, task: &TaskKey, _secret: [u8; 16]) -> Str {
        format!("token-{}-{}-{}", task.frame, task.entry, task.attempt).into()
    }
}

impl<'a> Play<'a> {
    fn new(scene: Scene<'a>, case: &'a Case, input: Payload) -> Self {
        let machine = scene.machine;
        let within = |what: &str| format!("arn:aws:states:us-east-1:000000000000:{what}");
        let info = Info {
            arn: within(&format!("execution:{machine}:rehearsal")).into(),
            name: "rehearsal".into(),
            machine_arn: within(&format!("stateMachine:{machine}")).into(),
            machine_name: machine.into(),
            role_arn: "arn:aws:iam::000000000000:role/rehearsal".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            started_at: scene.start,
            input,
            alias_arn: None,
            version_arn: None,
        };
        Self {
            scene,
            case,
            execution: Execution::new(Arc::new(info)),
            now: scene.start,
            random: Cell::new(SEED),
            events: Vec::new(),
            answers: BTreeMap::new(),
            calls: BTreeMap::new(),
            all_calls: 0,
        }
    }

    fn play_out(mut self) -> Result<Record, Problem> {
        self.give(Input::Start)?;
        loop {
            if let Some(outcome) = self.execution.outcome.clone() {
                return Ok(Record::new(outcome, self.events, self.calls, self.scene.start));
            }
            let answered = self.answers.first_key_value().map(|((at, _), _)| *at);
            let due = self.execution.next_due();
            // At the same moment, what was answered counts before what is late.
            match (answered, due) {
                _ if self.execution.is_ready() => self.give(Input::Clock)?,
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    let Some((_, (task, report))) = self.answers.pop_first() else { continue };
                    self.now = at;
                    self.give(Input::Task(task, report))?;
                }
                (_, Some(due)) => {
                    self.now = due;
                    self.give(Input::Clock)?;
                }
                (_, None) => return Err(Problem::Stuck),
            }
        }
    }

    fn give(&mut self, input: Input) -> Result<(), Problem> {
        let Turn { events, effects, .. } = self.turn(input);
        self.events.extend(events);
        for effect in effects {
            match effect {
                Effect::Schedule(task) => self.call(*task)?,
                Effect::Settle(task) | Effect::Abandon { task, .. } => {
                    self.answers.retain(|_, (of, _)| *of != task);
                }
                Effect::StartMapRun(order) => return Err(Problem::MapRun { state: order.state }),
                Effect::Watch { .. } | Effect::RedriveMapRun { .. } | Effect::AbortMapRun { .. } => {}
            }
        }
        Ok(())
    }

    fn turn(&mut self, input: Input) -> Turn {
        let random = || {
            // SplitMix64.
            self.random.set(self.random.get().wrapping_add(SEED));
            let mut z = self.random.get();
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        let world = World {
            plan: self.scene.plan,
            limits: self.scene.limits,
            catalog: self.scene.catalog,
            tokens: &Tokens,
            activity_exists: &|_| true,
            now: self.now,
            random: &random,
            budget: Budget { events: 10_000, bytes: usize::MAX, expired: &|| false },
        };
        turn(&mut self.execution, [input], world)
    }

    /// Answers a call when its answer is due.
    fn call(&mut self, task: ScheduledTask) -> Result<(), Problem> {
        let (state, location) = (task.state.clone(), self.case.location.clone());
        let Some(responses) = self.case.states.get(&state) else {
            return Err(Problem::NoMock { state, location });
        };
        let count = self.calls.entry(state.clone()).or_default();
        let call = *count;
        *count += 1;
        self.all_calls += 1;
        let Some(answer) = responses.answer(call) else {
            return Err(Problem::NoAnswer { state, call, location: responses.location.clone() });
        };
        let report = match answer.of_call(is_function(&self.scene.plan.root, &state)) {
            Ok(result) => TaskReport::Succeeded(result),
            Err(fault) => TaskReport::Failed(fault),
        };
        self.answers.insert((self.now.plus_millis(answer.delay_millis), self.all_calls), (task.task, report));
        Ok(())
    }
}

fn is_function(root: &Scope, state: &str) -> bool {
    root.find(state).is_some_and(|state| match &state.kind {
        Kind::Task(task) => task.call == Call::Function,
        _ => false,
    })
}
