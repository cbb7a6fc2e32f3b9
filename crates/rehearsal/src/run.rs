//! The virtual-time loop: all executions of a rehearsal, on one clock.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;

use newel_asl::catalog::ResourceCatalog;
use newel_asl::plan::Plan;
use newel_asl::{Limits, Timestamp};
use newel_machine::{
    Budget, Effect, Event, Fault, Input, Outcome, ScheduledTask, TaskKey, TaskReport, Turn, World, turn,
};
use newel_value::{Payload, Str, Value};

use crate::calls::{Calls, check};
use crate::map_runs::MapRun;
use crate::player::{Player, info};
use crate::record::Reading;
use crate::{Case, Problem, Record, Step};

/// The most events of all executions of a rehearsal together.
pub(crate) const MOST_EVENTS: usize = 1_000_000;

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

/// Numbers that look random and are the same at every run.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Plays a case.
///
/// # Errors
/// [`Problem`] if the mocks don't fit the definition, or there is too much to play.
pub fn rehearse(scene: Scene<'_>, case: &Case) -> Result<Record, Problem> {
    check(scene.plan, case)?;
    let input = case.input.clone().unwrap_or_else(|| Value::empty_object().into());
    Play::new(scene, case).play_out(input)
}

/// When something is answered, and its place among all that are.
pub(crate) type Moment = (Timestamp, u64);

/// The number of the execution that is rehearsed.
const ROOT: u64 = 0;

/// A rehearsal under way.
pub(crate) struct Play<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) calls: Calls<'a>,
    pub(crate) now: Timestamp,
    pub(crate) random: Cell<u64>,
    /// The executions that are open, by their numbers.
    players: HashMap<u64, Player>,
    pub(crate) all_players: u64,
    /// The map runs that aren't over, by their ARNs.
    pub(crate) runs: HashMap<Str, MapRun>,
    /// How many of them have begun, and those that wait until fewer have.
    pub(crate) runs_begun: u64,
    pub(crate) runs_waiting: VecDeque<Str>,
    /// What happens at this moment.
    pub(crate) todo: VecDeque<Work>,
    /// What is answered later.
    answers: BTreeMap<Moment, Answered>,
    all_answers: u64,
    /// When players wait for time to pass.
    due: BTreeSet<(Timestamp, u64)>,
    pub(crate) steps: Vec<Step>,
    /// The history of the execution that is rehearsed.
    events: Vec<Event>,
    all_events: usize,
    outcome: Option<Outcome>,
}

/// Something that happens now.
pub(crate) enum Work {
    /// An execution is given something.
    Give(u64, Input),
    /// A map run goes on.
    Run(Str),
}

/// Something that was asked for.
pub(crate) enum Answered {
    /// A call of a task.
    Task(u64, TaskKey, TaskReport),
    /// A map run's items.
    Items(Str, Result<Payload, Fault>),
}

impl<'a> Play<'a> {
    fn new(scene: Scene<'a>, case: &'a Case) -> Self {
        Self {
            scene,
            calls: Calls::new(case),
            now: scene.start,
            random: Cell::new(SEED),
            players: HashMap::new(),
            all_players: 0,
            runs: HashMap::new(),
            runs_begun: 0,
            runs_waiting: VecDeque::new(),
            todo: VecDeque::new(),
            answers: BTreeMap::new(),
            all_answers: 0,
            due: BTreeSet::new(),
            steps: Vec::new(),
            events: Vec::new(),
            all_events: 0,
            outcome: None,
        }
    }

    fn play_out(mut self, input: Payload) -> Result<Record, Problem> {
        let info = info(self.scene.machine, input, self.scene.start);
        self.enter(Player::new(info, self.scene.plan.clone(), Reading::default(), None))?;
        loop {
            if let Some(outcome) = self.outcome {
                let calls = self.calls.into_counts();
                return Ok(Record::new(outcome, self.steps, calls, self.events, self.scene.start));
            }
            match self.todo.pop_front() {
                Some(Work::Give(player, input)) => self.give(player, input)?,
                Some(Work::Run(arn)) => self.work_on(&arn)?,
                None => self.pass_time()?,
            }
        }
    }

    /// Goes on to the next moment at which something happens.
    fn pass_time(&mut self) -> Result<(), Problem> {
        let answered = self.answers.first_key_value().map(|((at, _), _)| *at);
        let due = self.due.first().copied();
        // At the same moment, what was answered counts before what is late.
        match (answered, due) {
            (Some(at), due) if due.is_none_or(|(due, _)| at <= due) => {
                let Some((_, answered)) = self.answers.pop_first() else { return Ok(()) };
                self.now = self.now.max(at);
                match answered {
                    Answered::Task(player, task, report) => {
                        if let Some(player) = self.players.get_mut(&player) {
                            player.calls.remove(&task);
                        }
                        self.give(player, Input::Task(task, report))
                    }
                    Answered::Items(run, read) => {
                        if let Some(run) = self.runs.get_mut(&run) {
                            run.take_read(read)?;
                        }
                        self.work_on(&run)
                    }
                }
            }
            (_, Some((at, player))) => {
                self.now = self.now.max(at);
                self.give(player, Input::Clock)
            }
            (_, None) => Err(Problem::Stuck),
        }
    }

    /// An execution begins: its number is how many there have been.
    pub(crate) fn enter(&mut self, player: Player) -> Result<(), Problem> {
        let number = self.all_players;
        self.all_players += 1;
        self.players.insert(number, player);
        self.give(number, Input::Start)
    }

    /// Gives an execution something, unless it is over.
    pub(crate) fn give(&mut self, number: u64, input: Input) -> Result<(), Problem> {
        let Some(mut player) = self.players.remove(&number) else { return Ok(()) };
        let Turn { events, effects, .. } = self.turn(&mut player, input);
        self.all_events += events.len();
        if self.all_events > MOST_EVENTS {
            return Err(Problem::TooLong);
        }
        for event in &events {
            let at = event.timestamp.as_millis() - self.scene.start.as_millis();
            player.reading.event(&mut self.steps, event, at);
        }
        if number == ROOT {
            self.events.extend(events);
        }
        for effect in effects {
            match effect {
                Effect::Schedule(task) => self.call(number, &mut player, *task)?,
                Effect::Settle(task) | Effect::Abandon { task, .. } => {
                    if let Some(moment) = player.calls.remove(&task) {
                        self.answers.remove(&moment);
                    }
                }
                Effect::StartMapRun(order) => self.order(number, &player, *order)?,
                Effect::AbortMapRun { key, .. } => self.abort(key.arn),
                Effect::Watch { .. } | Effect::RedriveMapRun { .. } => {}
            }
        }
        self.put_back(number, player);
        Ok(())
    }

    /// After a turn: whatever else the execution can do it does, or waits for, or it is over.
    fn put_back(&mut self, number: u64, mut player: Player) {
        let due = player.execution.next_due();
        if due != player.due {
            if let Some(at) = player.due {
                self.due.remove(&(at, number));
            }
            self.due.extend(due.map(|at| (at, number)));
            player.due = due;
        }
        let Some(outcome) = &player.execution.outcome else {
            if player.execution.is_ready() {
                self.todo.push_back(Work::Give(number, Input::Clock));
            }
            self.players.insert(number, player);
            return;
        };
        match &player.child_of {
            None => self.outcome = Some(outcome.clone()),
            Some((arn, index)) => {
                if let Some(run) = self.runs.get_mut(arn) {
                    run.closed(*index, &player.execution, self.scene.limits, self.now);
                    self.todo.push_back(Work::Run(arn.clone()));
                }
            }
        }
    }

    fn turn(&self, player: &mut Player, input: Input) -> Turn {
        let tokens = player.tokens();
        let world = World {
            plan: &player.plan,
            limits: self.scene.limits,
            catalog: self.scene.catalog,
            tokens: &tokens,
            activity_exists: &|_| true,
            now: self.now,
            random: &|| random(&self.random),
            budget: Budget { events: 10_000, bytes: usize::MAX, expired: &|| false },
        };
        turn(&mut player.execution, [input], world)
    }

    /// Answers a call when its answer is due.
    fn call(&mut self, number: u64, player: &mut Player, task: ScheduledTask) -> Result<(), Problem> {
        let answer = self.calls.of_task(&task.state)?;
        let report = TaskReport::Mocked(answer.of_call(player.calls_function(&task.state)));
        let answered = Answered::Task(number, task.task.clone(), report);
        player.calls.insert(task.task, self.answer_in(answer.delay_millis, answered));
        Ok(())
    }

    pub(crate) fn answer_in(&mut self, millis: i64, answered: Answered) -> Moment {
        self.all_answers += 1;
        let moment = (self.now.plus_millis(millis), self.all_answers);
        self.answers.insert(moment, answered);
        moment
    }
}

/// The next number: SplitMix64.
pub(crate) fn random(state: &Cell<u64>) -> u64 {
    state.set(state.get().wrapping_add(SEED));
    let mut z = state.get();
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
