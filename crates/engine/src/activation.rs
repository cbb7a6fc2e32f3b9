//! Working on one execution: run turns on what waits for it, make each durable, let its effects go.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use newel_asl::limits::Limits;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Budget, Event, Execution, Info, Input, Reply, TaskKey, TaskReport, Turn, World, turn};
use newel_store::{Commit, Epoch, Id, Op, Outcome, Rejection};
use newel_value::Str;
use tokio::sync::oneshot;

use crate::effects::Orders;
use crate::engine::Inner;
use crate::ids::{is_in_memory, outbox_key, task_id};
use crate::mail::{Mail, What, answer};
use crate::map_runs::{Child, News, child_closed, report_of};
use crate::observer::Committed;
use crate::plans::Compiled;
use crate::request::Tenant;
use crate::rows::changed_rows;
use crate::shard::{Delivery, Shard};
use crate::task::TaskId;
use crate::test_cases::{MockedCall, TestCase};
use crate::token::Issuer;
use crate::transitions::{ONE, Wait};
use crate::{Error, ErrorKind};

/// How long to wait before a commit that found no room is tried again.
const ROOM_RETRY: Duration = Duration::from_millis(500);
/// When an execution is looked at again that couldn't go on for a reason that passes.
const AGAIN_MILLIS: i64 = 1_000;
/// And one whose key can't be used.
const KEY_AGAIN_MILLIS: i64 = 10_000;
/// How long a turn may take that isn't moved to a thread of its own, in milliseconds.
const BRIEF_MILLIS: u64 = 2;
/// The largest input of an execution whose turns are taken to be brief, in bytes.
const BRIEF_BYTES: usize = 16 << 10;

/// An execution in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) id: Id,
    pub(crate) machine: Id,
    pub(crate) revision: Id,
    pub(crate) epoch: Epoch,
    pub(crate) execution: Execution,
    pub(crate) plan: Arc<Compiled>,
    pub(crate) trace_header: Option<Str>,
    pub(crate) stopped_at: Option<Timestamp>,
    /// Whether the store has a row for the root frame, large as it is.
    pub(crate) root_apart: bool,
    /// What it has as a child of a map run, if it is one.
    pub(crate) child: Option<Child>,
    /// The test case that answers its tasks.
    pub(crate) test_case: Option<Box<TestCase>>,
    /// What has been paid for transitions of its next turn, in thousandths.
    pub(crate) paid: i64,
}

impl Loaded {
    /// An execution that is about to start.
    pub(crate) fn new(
        id: Id,
        machine: Id,
        revision: Id,
        epoch: Epoch,
        plan: Arc<Compiled>,
        info: Info,
        trace_header: Option<Str>,
    ) -> Self {
        let execution = Execution::new(Arc::new(info));
        Self {
            id,
            machine,
            revision,
            epoch,
            execution,
            plan,
            trace_header,
            stopped_at: None,
            root_apart: false,
            child: None,
            test_case: None,
            paid: 0,
        }
    }

    /// The state machine whose revision it runs: of a child, that of the outermost execution.
    pub(crate) fn definition_machine(&self) -> Id {
        self.child.as_ref().map_or(self.machine, |child| child.machine)
    }

    /// Whether its next turn can be expected to be over at once.
    fn is_brief(&self) -> bool {
        is_brief(&self.execution, &self.plan)
    }
}

/// What has happened to an execution, as the machine takes it.
pub(crate) fn input_of(execution: &Execution, what: What) -> Input {
    match what {
        What::Input(input) => input,
        What::Token { entry, attempt, secret, report } => {
            let frame = execution.frames().find(|(_, frame)| frame.entered == entry);
            // Without a frame the input is stale, which the machine tells by a path that no frame has.
            let frame = frame.map_or_else(|| Str::from("\u{1}"), |(path, _)| path.clone());
            Input::Token(TaskKey { frame, entry, attempt }, secret, report)
        }
    }
}

/// The attempts that inputs say a worker has fetched.
fn begun_by(execution: Id, inputs: &[Input]) -> Vec<TaskId> {
    let fetched = |input: &Input| match input {
        Input::Task(key, TaskReport::Started { .. }) => Some(task_id(execution, key)),
        _ => None,
    };
    inputs.iter().filter_map(fetched).collect()
}

/// Whether an execution's next turn can be expected to be over at once.
pub(crate) fn is_brief(execution: &Execution, plan: &Compiled) -> bool {
    let root = execution.frame("").map_or(0, |frame| frame.input.text().len());
    plan.pace.is_brisk() && root.max(execution.info.input.text().len()) <= BRIEF_BYTES
}

/// What a turn has to write, and what it made.
struct Evaluated {
    turn: Turn,
    ops: Vec<Op>,
    /// The calls among its effects that a test case answers.
    mocked: HashMap<TaskKey, MockedCall>,
}

/// What came of an execution's next turn.
enum Next {
    /// The execution as it is now, and the replies to its mail.
    Turn(Box<Loaded>, Vec<Reply>),
    /// There is no such execution.
    Gone,
    /// It is to come again after so many milliseconds.
    Later(i64),
}

/// Whether a turn's execution is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Insert,
    Update,
}

/// Why a turn didn't count.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// An execution of that ARN exists.
    Exists,
    /// Anything else. What was in memory of the execution must be forgotten.
    Failed(Error),
}

impl From<NotDone> for Error {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Exists => Self::new(ErrorKind::Internal, "a turn's rows are there already"),
            NotDone::Failed(error) => error,
        }
    }
}

impl Inner {
    /// Delivers mail to an execution, and has it worked on.
    pub(crate) fn deliver(self: &Arc<Self>, id: Id, mail: Mail) {
        let Some(shard) = self.shard(id) else {
            mail.answer(Ok(Reply::Stale));
            return;
        };
        match (shard.deliver(id, mail), &self.transitions) {
            (Delivery::Activate, _) => {
                let inner = Arc::clone(self);
                self.env.spawn(Box::pin(async move { inner.activate(id, None).await }));
            }
            (Delivery::Queued, Some(transitions)) => transitions.hurry(id),
            (Delivery::Queued, None) | (Delivery::Refused, _) => {}
        }
    }

    /// Delivers mail and waits for the answer.
    pub(crate) async fn ask(self: &Arc<Self>, id: Id, what: What) -> Result<Reply, Error> {
        if is_in_memory(id) {
            return self.ask_express(id, what).await;
        }
        let (mail, answer) = Mail::asking(what);
        self.deliver(id, mail);
        answer.await.unwrap_or_else(|_| Err(Error::unavailable("the execution is changing hands; try again")))
    }

    /// Works on an execution until nothing waits for it. The shard counts it as active already.
    pub(crate) async fn activate(self: Arc<Self>, id: Id, mut loaded: Option<Box<Loaded>>) {
        let Some(shard) = self.shard(id) else { return };
        loop {
            let ready = loaded.as_ref().is_some_and(|loaded| loaded.execution.is_ready());
            let Some(mail) = shard.take_mail(id, !ready, &mut loaded) else { return };
            let (happened, askers): (Vec<_>, Vec<_>) =
                mail.into_iter().map(|mail| (mail.what, mail.asker)).unzip();
            match self.next_turn(shard, id, loaded.take(), happened).await {
                Ok(Next::Turn(current, replies)) => {
                    askers.into_iter().zip(replies).for_each(|(asker, reply)| answer(asker, Ok(reply)));
                    loaded = Some(current);
                }
                Ok(Next::Gone) => askers.into_iter().for_each(|asker| answer(asker, Ok(Reply::Stale))),
                Ok(Next::Later(millis)) => {
                    self.put_off(shard, id, millis, &Error::unavailable("the execution is busy; try again"));
                    return;
                }
                Err(error) => {
                    askers.into_iter().for_each(|asker| answer(asker, Err(error.clone())));
                    self.give_up(shard, id, &error);
                    return;
                }
            }
        }
    }

    /// Ends an activation that can't go on.
    fn give_up(&self, shard: &Shard, id: Id, error: &Error) {
        shard.give_up(id).into_iter().for_each(|mail| mail.answer(Err(error.clone())));
        if error.kind == ErrorKind::Internal {
            tracing::error!(execution = %id, %error, "an execution can't go on");
            return;
        }
        let again = if error.kind.is_key() { KEY_AGAIN_MILLIS } else { AGAIN_MILLIS };
        self.wake_again(id, again);
    }

    /// Ends an activation for so many milliseconds.
    fn put_off(&self, shard: &Shard, id: Id, millis: i64, error: &Error) {
        shard.give_up(id).into_iter().for_each(|mail| mail.answer(Err(error.clone())));
        self.wake_again(id, millis);
    }

    /// What an execution was woken for is forgotten with its mail, so it is woken again.
    fn wake_again(&self, id: Id, millis: i64) {
        let now = self.env.now();
        self.timers.arm(id, Some(now.plus_millis(millis)), now);
    }

    /// The next turn of an execution, which is loaded if need be.
    async fn next_turn(
        self: &Arc<Self>,
        shard: &Shard,
        id: Id,
        loaded: Option<Box<Loaded>>,
        happened: Vec<What>,
    ) -> Result<Next, Error> {
        // The shard is waited for before the permit: a shard that takes its time must not hold up the others.
        let opened = self.stop.run_until_cancelled(shard.opened()).await.flatten();
        let epoch = opened.ok_or_else(|| Error::unavailable("the shard is changing hands; try again"))?;
        let Ok(mut permit) = self.turns.acquire().await else { return Err(Error::shutting_down()) };
        let Some(mut loaded) = self.at_hand(shard, id, epoch, loaded).await? else { return Ok(Next::Gone) };
        // What happens to an execution is taken in at once: a report or a deadline that waited would come too late, and hold up
        // whoever brings it. Only what the execution does by itself waits.
        let wait =
            if happened.is_empty() { self.must_wait(&mut loaded, || shard.has_mail(id)) } else { None };
        match wait {
            None => {}
            Some(Wait::Later(millis)) => return Ok(Next::Later(millis)),
            Some(Wait::Line(passed)) => {
                drop(permit);
                shard.set_aside(id, loaded);
                // A line is only gone with the engine.
                let Some(Ok(paid)) = self.stop.run_until_cancelled(passed).await else {
                    return Err(Error::shutting_down());
                };
                permit = self.turns.acquire().await.map_err(|_| Error::shutting_down())?;
                match self.at_hand(shard, id, epoch, None).await? {
                    Some(again) => loaded = again,
                    None => return Ok(Next::Gone),
                }
                if !paid {
                    // Mail has come.
                    return Ok(Next::Turn(loaded, Vec::new()));
                }
                loaded.paid = ONE;
            }
        }
        let inputs = happened.into_iter().map(|what| input_of(&loaded.execution, what)).collect();
        let (loaded, turn) = self.run_turn(loaded, inputs, Write::Update).await?;
        drop(permit);
        Ok(Next::Turn(loaded, turn.replies))
    }

    /// An execution as it was left in memory under an epoch, or else from the store; `None` if there is no such execution.
    async fn at_hand(
        &self,
        shard: &Shard,
        id: Id,
        epoch: Epoch,
        loaded: Option<Box<Loaded>>,
    ) -> Result<Option<Box<Loaded>>, Error> {
        match loaded.or_else(|| shard.take_idle(id)).filter(|loaded| loaded.epoch == epoch) {
            Some(loaded) => Ok(Some(loaded)),
            None => self.load(id, epoch).await,
        }
    }

    /// Evaluates a turn, makes it durable, and lets its effects go.
    pub(crate) async fn run_turn(
        self: &Arc<Self>,
        loaded: Box<Loaded>,
        inputs: Vec<Input>,
        write: Write,
    ) -> Result<(Box<Loaded>, Turn), NotDone> {
        let begun = begun_by(loaded.id, &inputs);
        self.look_up_activities(&loaded.plan.activities).await.map_err(NotDone::Failed)?;
        let was_open = write == Write::Update && loaded.execution.outcome.is_none();
        let (loaded, Evaluated { mut turn, mut ops, mocked }) =
            self.evaluate(loaded, inputs, write).await.map_err(NotDone::Failed)?;
        if turn.events.is_empty() && turn.changed.is_empty() {
            // A timer may have been in vain that took the place of a later one.
            self.arm(&loaded);
            return Ok((loaded, turn));
        }
        let orders = self.orders(&loaded, &mut turn, mocked, &mut ops).await.map_err(NotDone::Failed)?;
        self.seal_for_activities(&loaded.plan.activities, &orders, &mut ops).map_err(NotDone::Failed)?;
        if let Some(sealing) = &loaded.plan.sealing {
            self.seal_rows(sealing, &mut ops).map_err(NotDone::Failed)?;
        }
        // A worker has these: nobody else may get them, not even after a crash.
        ops.extend(begun.iter().map(|task| Op::DeleteOutbox(outbox_key(task))));
        if write == Write::Update && loaded.execution.outcome.is_some() {
            child_closed(&loaded, &mut ops);
        }
        self.env.failpoint("before-commit");
        self.make_durable(&loaded, ops, write).await?;
        self.env.failpoint("after-commit");
        self.let_go(&loaded, &turn, was_open, orders);
        if write == Write::Update
            && let (Some(child), Some(report)) = (&loaded.child, report_of(&loaded, true))
        {
            self.tell_map_run(child.run, &child.run_arn, News::Closed(report));
        }
        Ok((loaded, turn))
    }

    /// Evaluates a turn here if it can be expected to be brief, and else where it holds up nobody.
    async fn evaluate(
        self: &Arc<Self>,
        loaded: Box<Loaded>,
        inputs: Vec<Input>,
        write: Write,
    ) -> Result<(Box<Loaded>, Evaluated), Error> {
        let brief = loaded.is_brief();
        let step = move |inner: &Self, loaded: &mut Loaded, millis| inner.step(loaded, inputs, write, millis);
        self.carefully(brief, loaded, step).await
    }

    /// Does something to an execution that evaluates a turn: here if that can be expected to be brief, and else where it holds up
    /// nobody. The work is told how many milliseconds it may take. A panic in it is an error.
    pub(crate) async fn carefully<T: Send + 'static, R: Send + 'static>(
        self: &Arc<Self>,
        brief: bool,
        mut subject: Box<T>,
        work: impl FnOnce(&Self, &mut T, u64) -> R + Send + 'static,
    ) -> Result<(Box<T>, R), Error> {
        let failed = || Error::new(ErrorKind::Internal, "evaluating the turn failed");
        if brief {
            let evaluation = AssertUnwindSafe(|| {
                let result = work(self, &mut subject, BRIEF_MILLIS);
                (subject, result)
            });
            return catch_unwind(evaluation).map_err(|_| failed());
        }
        let inner = Arc::clone(self);
        let (send, receive) = oneshot::channel();
        self.env
            .compute(Box::new(move || {
                let result = work(&inner, &mut subject, inner.options.turn_millis);
                // The receiver is only gone if the whole engine is.
                let _gone = send.send((subject, result));
            }))
            .await;
        receive.await.map_err(|_| failed())
    }

    fn step(&self, loaded: &mut Loaded, inputs: Vec<Input>, write: Write, millis: u64) -> Evaluated {
        let now = self.env.now();
        let events = self.pay(loaded);
        let pace = (events, millis);
        let turn = self.play(&mut loaded.execution, loaded.id, &loaded.plan, &self.limits, inputs, pace);
        self.charge(loaded, &turn);
        let closed = loaded.execution.outcome.is_some();
        // One that was redriven may have closed again.
        if !closed || !turn.events.is_empty() {
            loaded.stopped_at = turn.events.last().filter(|_| closed).map(|event| event.timestamp);
        }
        // Before the rows are made: the numbers of the calls are in them.
        let mocked = self.mocked.calls(loaded.test_case.as_deref_mut(), &turn);
        let ops = changed_rows(loaded, &turn, write, now);
        Evaluated { turn, ops, mocked }
    }

    /// Runs a turn of the machine for so many events and milliseconds at most.
    pub(crate) fn play(
        &self,
        execution: &mut Execution,
        id: Id,
        plan: &Compiled,
        limits: &Limits,
        inputs: Vec<Input>,
        (events, millis): (usize, u64),
    ) -> Turn {
        let issuer = Issuer { key: &self.tokens, account: &execution.info.account.clone(), execution: id };
        let began = self.env.monotonic_millis();
        let end = began.saturating_add(millis.min(self.options.turn_millis));
        let world = World {
            plan: &plan.plan,
            limits,
            catalog: &*self.catalog,
            tokens: &issuer,
            activity_exists: &|arn| plan.activities.exists(arn),
            now: self.env.now(),
            random: &|| self.env.random(),
            budget: Budget {
                events,
                bytes: self.options.turn_bytes,
                expired: &|| self.env.monotonic_millis() >= end,
            },
        };
        let turn = turn(execution, inputs, world);
        plan.pace.took(self.env.monotonic_millis() - began < BRIEF_MILLIS);
        turn
    }

    /// Commits. A new execution is refused when there is no room; what happens to an open one waits for room.
    async fn make_durable(
        self: &Arc<Self>,
        loaded: &Loaded,
        ops: Vec<Op>,
        write: Write,
    ) -> Result<(), NotDone> {
        let commit = Commit { shard: loaded.id.shard(), epoch: loaded.epoch, ops };
        loop {
            match (self.committer.commit(commit.clone()).await, write) {
                (Outcome::Committed, _) => return Ok(()),
                (Outcome::Rejected(Rejection::Exists), _) => return Err(NotDone::Exists),
                (Outcome::Rejected(Rejection::Full), Write::Update) => {
                    if self.stop.run_until_cancelled(tokio::time::sleep(ROOM_RETRY)).await.is_none() {
                        return Err(NotDone::Failed(Error::shutting_down()));
                    }
                }
                (refused, _) => {
                    return Err(NotDone::Failed(self.refused(commit.shard, commit.epoch, refused)));
                }
            }
        }
    }

    /// After the commit: who watches hears of it, timers are armed, workers get their orders.
    fn let_go(self: &Arc<Self>, loaded: &Loaded, turn: &Turn, was_open: bool, orders: Orders) {
        let execution = &loaded.execution;
        let closed = execution.outcome.is_some();
        if let Some(last) = turn.events.last() {
            self.watchers.announce(loaded.id, last.id);
            self.observe(loaded.id, execution, &loaded.plan, &turn.events, loaded.child.is_some());
        }
        if closed {
            self.watchers.close(loaded.id);
        }
        // It has become open, or was and is no more.
        if was_open == closed {
            let info = &execution.info;
            let tenant = Tenant { account: info.account.clone(), region: info.region.clone() };
            self.open.add(&tenant, if closed { -1 } else { 1 });
        }
        self.arm(loaded);
        self.carry_out(loaded.id.shard(), loaded.epoch, orders);
    }

    /// Tells who observes of events that can't be taken back any more.
    pub(crate) fn observe(
        &self,
        id: Id,
        execution: &Execution,
        plan: &Compiled,
        events: &[Event],
        is_child: bool,
    ) {
        let Compiled { machine_type, logging, .. } = plan;
        self.observer.committed(&Committed {
            info: &execution.info,
            execution: id,
            events,
            redrives: &execution.redrives,
            machine_type: *machine_type,
            logging,
            is_child,
            limits: &self.limits,
        });
    }

    /// Sets the timer to what the execution waits for; one that can go on by itself waits for none.
    fn arm(&self, loaded: &Loaded) {
        let wake = loaded.execution.next_due().filter(|_| !loaded.execution.is_ready());
        self.timers.arm(loaded.id, wake, self.env.now());
    }
}
