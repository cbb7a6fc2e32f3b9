//! The virtual-time loop: all executions of a rehearsal, on one clock.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;

use newel_asl::catalog::ResourceCatalog;
use newel_asl::error;
use newel_asl::plan::Plan;
use newel_asl::{Limits, Timestamp};
use newel_machine::{
    Budget, Effect, Event, Fault, Info, Input, MapRunOrder, Outcome, ScheduledTask, TaskKey, TaskReport,
    Turn, World, child_info, transfer_fault, turn,
};
use newel_value::{Payload, Str, Value};

use crate::calls::{Calls, check};
use crate::map_runs::{MapRun, Next, Surroundings};
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
struct Play<'a> {
    scene: Scene<'a>,
    calls: Calls<'a>,
    now: Timestamp,
    random: Cell<u64>,
    /// The executions that are open, by their numbers.
    players: HashMap<u64, Player>,
    all_players: u64,
    /// The map runs that aren't over, by their ARNs.
    runs: HashMap<Str, MapRun>,
    /// How many of them have begun, and those that wait until fewer have.
    runs_begun: u64,
    runs_waiting: VecDeque<Str>,
    /// What happens at this moment.
    todo: VecDeque<Work>,
    /// What is answered later.
    answers: BTreeMap<Moment, Answered>,
    all_answers: u64,
    /// When players wait for time to pass.
    due: BTreeSet<(Timestamp, u64)>,
    steps: Vec<Step>,
    /// The history of the execution that is rehearsed.
    events: Vec<Event>,
    all_events: usize,
    outcome: Option<Outcome>,
}

/// Something that happens now.
enum Work {
    /// An execution is given something.
    Give(u64, Input),
    /// A map run goes on.
    Run(Str),
    /// Nobody waits for a map run any more.
    Abort(Str),
}

/// Something that was asked for.
enum Answered {
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
                Some(Work::Abort(arn)) => self.abort(&arn)?,
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

    /// An execution begins; gives its number.
    fn enter(&mut self, player: Player) -> Result<u64, Problem> {
        let number = self.all_players;
        self.all_players += 1;
        self.players.insert(number, player);
        self.give(number, Input::Start).map(|()| number)
    }

    /// Gives an execution something, unless it is over.
    fn give(&mut self, number: u64, input: Input) -> Result<(), Problem> {
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
                Effect::AbortMapRun { key, .. } => self.todo.push_back(Work::Abort(key.arn)),
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
            player.due.map(|at| self.due.remove(&(at, number)));
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
                let around = Surroundings {
                    limits: self.scene.limits,
                    random: &|| random(&self.random),
                    now: self.now,
                };
                if let Some(run) = self.runs.get_mut(arn) {
                    run.closed(*index, &player.execution, around);
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

    fn answer_in(&mut self, millis: i64, answered: Answered) -> Moment {
        self.all_answers += 1;
        let moment = (self.now.plus_millis(millis), self.all_answers);
        self.answers.insert(moment, answered);
        moment
    }
}

/// Distributed Maps.
impl Play<'_> {
    /// A map run is ordered: it begins, or waits until fewer are open.
    fn order(&mut self, parent: u64, player: &Player, order: MapRunOrder) -> Result<(), Problem> {
        let arn = order.key.arn.clone();
        // The frame's latest event is the run's beginning, which belongs to the Map's step.
        let started = player.execution.frame(&order.key.frame).map_or(0, |frame| frame.previous);
        let depth = player.reading.depth_of(&self.steps, started) + 1;
        let run = MapRun::new(order, (parent, depth), &player.plan, self.scene.limits);
        self.runs.insert(arn.clone(), run.ok_or(Problem::Stuck)?);
        self.runs_waiting.push_back(arn);
        self.begin_runs()
    }

    /// Begins as many runs as may be open.
    fn begin_runs(&mut self) -> Result<(), Problem> {
        while self.runs_begun < self.scene.limits.open_map_runs
            && let Some(arn) = self.runs_waiting.pop_front()
        {
            let Some(run) = self.runs.get_mut(&arn) else { continue };
            run.begun = true;
            self.runs_begun += 1;
            if run.take_own_items()? {
                self.todo.push_back(Work::Run(arn));
                continue;
            }
            let answer = self.calls.of_reader(&run.order.state)?;
            let read = answer.outcome.clone().map_err(|Fault { error, cause }| {
                transfer_fault(
                    error::ITEM_READER_FAILED,
                    error.unwrap_or_default(),
                    cause.unwrap_or_default(),
                )
            });
            self.answer_in(answer.delay_millis, Answered::Items(arn, read));
        }
        Ok(())
    }

    /// Has a run do all that it can do now.
    fn work_on(&mut self, arn: &Str) -> Result<(), Problem> {
        loop {
            let around =
                Surroundings { limits: self.scene.limits, random: &|| random(&self.random), now: self.now };
            let Some(run) = self.runs.get_mut(arn) else { return Ok(()) };
            match run.next(around) {
                Next::Begin { index, items, input } => {
                    run.opened(index, items, self.all_players);
                    let info: Info = child_info(&run.order.scope.info, run.names(), index, input, self.now);
                    let reading = Reading::of_child(run.depth, index);
                    let child = Player::new(info, run.plan.clone(), reading, Some((arn.clone(), index)));
                    self.enter(child)?;
                }
                Next::Stop(children) => {
                    for child in children {
                        self.give(child, Input::Stop(Fault::default()))?;
                    }
                }
                Next::End(report) => {
                    let ended = self.runs.remove(arn);
                    if let (Some(run), Some(report)) = (&ended, report) {
                        let input = Input::MapRun(run.order.key.clone(), 0, report);
                        self.todo.push_back(Work::Give(run.parent, input));
                    }
                    self.runs_begun -= u64::from(ended.is_some_and(|run| run.begun));
                    return self.begin_runs();
                }
                Next::Wait => return Ok(()),
            }
        }
    }

    fn abort(&mut self, arn: &Str) -> Result<(), Problem> {
        if let Some(run) = self.runs.get_mut(arn) {
            run.abort();
        }
        self.work_on(arn)
    }
}

/// The next number: SplitMix64.
fn random(state: &Cell<u64>) -> u64 {
    state.set(state.get().wrapping_add(SEED));
    let mut z = state.get();
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
