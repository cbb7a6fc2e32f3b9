//! Drives one execution on virtual time and checks after every turn what must hold after every turn.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use newel_asl::{Limits, MachineType, Plan, Timestamp, compile};
use newel_machine::{
    Budget, Detail, Effect, Event, Execution, Frame, FramePath, Info, Input, MapRunKey, Outcome, Reply,
    ScheduledTask, StateType, TaskKey, Turn, World, turn,
};
use newel_value::Payload;

use crate::catalog::{TestCatalog, TestTokens};

/// How turns are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Every turn goes on until all frames wait.
    Whole,
    /// Every turn ends as soon as it has made an event; the execution is stored and restored after it.
    Events,
    /// The same as soon as it has made a byte of payload.
    Bytes,
    /// The same because its time is up from the beginning.
    Time,
}

impl Cut {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Events, Self::Bytes, Self::Time];
}

/// An execution being driven.
pub(crate) struct Driver {
    plan: Plan,
    limits: Limits,
    cut: Cut,
    random: Cell<u64>,
    pub(crate) now: i64,
    pub(crate) execution: Execution,
    pub(crate) events: Vec<Event>,
    pub(crate) effects: Vec<Effect>,
    /// Attempts that were scheduled and neither settled nor abandoned, oldest first.
    pub(crate) open: Vec<ScheduledTask>,
    /// Map runs that were begun and are neither over nor aborted, oldest first.
    pub(crate) map_runs: Vec<MapRunKey>,
    /// The one that was begun last.
    pub(crate) latest_run: Option<MapRunKey>,
    stored: BTreeMap<FramePath, Vec<u8>>,
}

pub(crate) fn compiled(definition: &str, limits: &Limits) -> Plan {
    compile(definition, MachineType::Standard, &TestCatalog, limits)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:?} in {definition}"))
}

impl Driver {
    pub(crate) fn new(definition: &str, input: &str, limits: Limits, cut: Cut) -> Self {
        Self::new_at(0, definition, input, limits, cut)
    }

    /// An execution that starts at so many milliseconds after the epoch.
    pub(crate) fn new_at(now: i64, definition: &str, input: &str, limits: Limits, cut: Cut) -> Self {
        let info = Info {
            arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
            name: "e".into(),
            machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            started_at: Timestamp::from_millis(now),
            input: Payload::parse(input).expect("the input is JSON"),
            alias_arn: None,
            version_arn: None,
        };
        Self {
            plan: compiled(definition, &limits),
            limits,
            cut,
            random: Cell::new(0),
            now,
            execution: Execution::new(Arc::new(info)),
            events: Vec::new(),
            effects: Vec::new(),
            open: Vec::new(),
            map_runs: Vec::new(),
            latest_run: None,
            stored: BTreeMap::new(),
        }
    }

    /// Gives an input and lets everything go on as far as it can at this instant.
    pub(crate) fn give(&mut self, input: Input) -> Reply {
        if let Input::MapRun(key, ..) = &input {
            self.map_runs.retain(|open| open != key);
        }
        let reply = self.turn(Some(input)).replies[0];
        self.settle_down();
        reply
    }

    /// Moves the clock.
    pub(crate) fn advance_to(&mut self, millis: i64) {
        self.now = millis;
        self.settle_down();
    }

    /// When time is the next thing that happens, if it is.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.execution.next_due().map(Timestamp::as_millis)
    }

    fn settle_down(&mut self) {
        for _ in 0..200_000 {
            if self.next_due().is_some_and(|due| due <= self.now) {
                self.turn(Some(Input::Clock));
            } else if self.execution.is_ready() {
                self.turn(None);
            } else {
                return;
            }
        }
        panic!("the execution doesn't come to rest");
    }

    fn turn(&mut self, input: Option<Input>) -> Turn {
        let redriven = matches!(input, Some(Input::Redrive { .. }))
            && !matches!(self.execution.outcome, None | Some(Outcome::Succeeded(_)));
        let closed_before = self.execution.outcome.is_some() && !redriven;
        let last_before = self.execution.last_event;
        let random = || {
            self.random.set(self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
            self.random.get()
        };
        let least = |cut: Cut| if self.cut == cut { 1 } else { usize::MAX };
        let (events, bytes, expired) = (least(Cut::Events), least(Cut::Bytes), || self.cut == Cut::Time);
        let world = World {
            plan: &self.plan,
            limits: &self.limits,
            catalog: &TestCatalog,
            tokens: &TestTokens,
            activity_exists: &|arn| !arn.ends_with(":gone"),
            now: Timestamp::from_millis(self.now),
            random: &random,
            budget: Budget { events, bytes, expired: &expired },
        };
        let turn = turn(&mut self.execution, input, world);
        if closed_before {
            assert!(turn.events.is_empty() && turn.effects.is_empty(), "MAC-3: {:?}", turn.events);
            assert_eq!(self.execution.last_event, last_before, "MAC-3");
        }
        self.keep(&turn);
        self.check_effects(&turn);
        self.events.extend(turn.events.iter().cloned());
        self.effects.extend(turn.effects.iter().cloned());
        if self.cut != Cut::Whole {
            self.restore();
        }
        turn
    }

    /// Stores what a turn says has changed, and checks that it told of all that has.
    fn keep(&mut self, turn: &Turn) {
        for (id, event) in (self.events.len() + 1..).zip(&turn.events) {
            assert_eq!(event.id, u64::try_from(id).unwrap(), "MAC-1: ids are dense");
            assert!(event.previous < event.id, "MAC-1: {event:?}");
        }
        for path in &turn.removed {
            assert!(self.stored.remove(path).is_some(), "a frame nobody knew of is gone: {path}");
        }
        for path in &turn.changed {
            let frame = self.execution.frame(path).unwrap_or_else(|| panic!("no changed frame {path}"));
            self.stored.insert(path.clone(), rmp_serde::to_vec(frame).unwrap());
        }
        let there: BTreeMap<_, _> = self
            .execution
            .frames()
            .map(|(path, frame)| (path.clone(), rmp_serde::to_vec(frame).unwrap()))
            .collect();
        assert!(there == self.stored, "what is stored differs from what is there");
    }

    fn check_effects(&mut self, turn: &Turn) {
        for effect in &turn.effects {
            match effect {
                Effect::Schedule(task) => self.open.push(ScheduledTask::clone(task)),
                Effect::Watch { task, .. } => assert!(self.is_open(task), "watching a closed {task:?}"),
                Effect::Settle(task) => {
                    assert!(self.is_open(task), "MAC-2: settled twice: {task:?}");
                    // A callback's attempt is settled when it is submitted, and open until its token comes.
                    if self.execution.open_attempt(task).is_none() {
                        self.open.retain(|open| open.task != *task);
                    }
                }
                Effect::StartMapRun(run) => {
                    self.map_runs.push(run.key.clone());
                    self.latest_run = Some(run.key.clone());
                }
                Effect::RedriveMapRun { key, .. } => {
                    assert!(!self.map_runs.contains(key), "MAC-2: redriven while it is open: {key:?}");
                    self.map_runs.push(key.clone());
                }
                Effect::AbortMapRun { key, .. } => {
                    assert!(self.map_runs.contains(key), "MAC-2: aborted twice: {key:?}");
                    self.map_runs.retain(|open| open != key);
                }
                Effect::Abandon { task, .. } => {
                    assert!(self.is_open(task), "MAC-2: abandoned twice: {task:?}");
                    self.open.retain(|open| open.task != *task);
                }
            }
        }
        let mut frames = BTreeSet::new();
        for open in &self.open {
            assert!(self.execution.open_attempt(&open.task).is_some(), "MAC-2: lost {:?}", open.task);
            assert!(frames.insert(open.task.frame.clone()), "MAC-2: two attempts in {}", open.task.frame);
        }
        if self.execution.outcome.is_some() {
            assert!(self.open.is_empty(), "MAC-2: open in a closed execution: {:?}", self.open);
            assert!(self.map_runs.is_empty(), "MAC-2: open in a closed execution: {:?}", self.map_runs);
        }
    }

    fn is_open(&self, task: &TaskKey) -> bool {
        self.open.iter().any(|open| open.task == *task)
    }

    fn restore(&mut self) {
        let redrives = self.execution.redrives.clone();
        let frames: Vec<(FramePath, Frame)> = self
            .stored
            .iter()
            .map(|(path, bytes)| (path.clone(), rmp_serde::from_slice(bytes).unwrap()))
            .collect();
        self.execution = Execution::restore(
            self.execution.info.clone(),
            self.execution.outcome.clone(),
            self.execution.last_event,
            self.execution.deadline,
            frames,
        );
        self.execution.redrives = redrives;
    }
}

/// What holds of a whole history, whatever the definition.
pub(crate) fn check_history(events: &[Event]) {
    // What closes the execution comes last, or before a redrive.
    for pair in events.windows(2).filter(|pair| pair[0].detail.is_terminal()) {
        assert!(matches!(pair[1].detail, Detail::ExecutionRedriven { .. }), "{:?} after its end", pair[1]);
    }
    // Every Exited closes one Entered of the same state, which follows it nowhere.
    let mut entered: BTreeMap<String, i64> = BTreeMap::new();
    for event in events {
        match &event.detail {
            Detail::StateEntered { name, .. } => *entered.entry(name.to_string()).or_default() += 1,
            Detail::StateExited { name, state_type, .. } => {
                assert_ne!(*state_type, StateType::Fail);
                let open = entered.entry(name.to_string()).or_default();
                *open -= 1;
                assert!(*open >= 0, "{name} was left more often than entered");
            }
            _ => {}
        }
    }
}
