//! One execution in memory, from its first turn to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Effect, Event, Execution, Fault, Info, Input, Outcome, Turn};
use newel_store::Id;
use newel_value::{Str, Value};
use tokio::sync::mpsc;

use super::{MAILBOX, Room, Waiting};
use crate::activation::{input_of, is_brief};
use crate::codec::status_of;
use crate::effects::submit;
use crate::engine::Inner;
use crate::ids::task_id;
use crate::mail::{Asker, Mail, answer};
use crate::plans::Compiled;
use crate::request::SyncExecution;
use crate::task::DispatchKind;
use crate::test_cases::TestCase;
use crate::{Error, ErrorKind};

/// Inputs that go into one turn at most.
const TURN_INPUTS: usize = 32;
/// What its turns may make before an execution is weighed.
const WEIGHED_FROM: usize = 64 << 10;
/// The steps of AWS's bill.
const BILLED_MILLIS: u64 = 100;
const BILLED_MEGABYTES: u64 = 64;
const MEGABYTE: u64 = 1 << 20;

/// An execution in memory.
#[derive(Debug)]
pub(super) struct Run {
    id: Id,
    execution: Execution,
    plan: Arc<Compiled>,
    stopped_at: Timestamp,
    room: Room,
    /// The most bytes of payloads that it held after a turn.
    peak: usize,
    /// Bytes of the payloads that its turns have made since it was weighed.
    grown: usize,
    /// The test case that answers its tasks.
    test_case: Option<Box<TestCase>>,
}

/// What ends a wait.
enum Woken {
    /// Something happened, or time has passed: this is for the next turn.
    Inputs(Vec<Input>, Vec<Asker>),
    /// The process stops.
    Stopped,
}

impl Run {
    pub(super) fn new(
        id: Id,
        info: Info,
        plan: Arc<Compiled>,
        room: Room,
        test_case: Option<Box<TestCase>>,
    ) -> Self {
        let peak = info.input.text().len();
        let stopped_at = info.started_at;
        let execution = Execution::new(Arc::new(info));
        Self { id, execution, plan, stopped_at, room, peak, grown: 0, test_case }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.execution.outcome.is_some()
    }

    /// Takes note of what a turn made, and weighs the execution anew once that may have changed its weight much: weighing each
    /// time would cost more than the turns of an execution with many branches.
    fn weigh(&mut self, turn: &Turn) {
        self.grown += turn.events.iter().map(Event::bytes).sum::<usize>();
        if self.grown < (self.room.bytes / 2).max(WEIGHED_FROM) {
            return;
        }
        self.grown = 0;
        let frames = self.execution.frames().map(|(_, frame)| {
            // Their size is limited, so printing them is.
            let variables = Value::from(frame.variables.clone()).to_json();
            frame.input.text().len() + variables.len()
        });
        let bytes = self.execution.info.input.text().len() + frames.sum::<usize>();
        self.peak = self.peak.max(bytes);
        self.room.resize(bytes);
    }

    /// How it ended, for whoever waits.
    pub(super) fn answer(self: Box<Self>, trace_header: Option<Str>) -> Result<SyncExecution, Error> {
        let Self { execution, stopped_at, peak, .. } = *self;
        let status = status_of(execution.outcome.as_ref());
        let (output, fault) = match execution.outcome {
            Some(Outcome::Succeeded(output)) => (Some(output), Fault::default()),
            Some(Outcome::Failed(fault) | Outcome::TimedOut(fault) | Outcome::Aborted(fault)) => {
                (None, fault)
            }
            None => return Err(Error::new(ErrorKind::Internal, "an execution ended that isn't closed")),
        };
        let info = &execution.info;
        let millis = stopped_at.as_millis().saturating_sub(info.started_at.as_millis());
        let peak = peak.max(output.as_ref().map_or(0, |output| output.text().len()));
        let megabytes = u64::try_from(peak).unwrap_or(u64::MAX).div_ceil(MEGABYTE);
        Ok(SyncExecution {
            arn: info.arn.clone(),
            name: info.name.clone(),
            state_machine_arn: info.machine_arn.clone(),
            started_at: info.started_at,
            stopped_at,
            status,
            input: info.input.clone(),
            output,
            fault,
            trace_header,
            billed_millis: in_steps(u64::try_from(millis).unwrap_or(0), BILLED_MILLIS),
            billed_megabytes: in_steps(megabytes, BILLED_MEGABYTES),
        })
    }
}

/// A figure rounded up to whole steps, at least one.
const fn in_steps(figure: u64, step: u64) -> u64 {
    let steps = figure.div_ceil(step);
    (if steps == 0 { 1 } else { steps }).saturating_mul(step)
}

impl Inner {
    /// Runs a turn. What it did is told to observers; what it orders is for the caller.
    pub(super) async fn express_turn(
        self: &Arc<Self>,
        run: Box<Run>,
        inputs: Vec<Input>,
    ) -> Result<(Box<Run>, Turn), Error> {
        let brief = is_brief(&run.execution, &run.plan);
        let (mut run, mut turn) = self
            .carefully(brief, run, move |inner: &Self, run: &mut Run, millis| {
                let Run { execution, id, plan, .. } = run;
                let pace = (inner.options.turn_events, millis);
                inner.play(execution, *id, plan, &inner.express.limits, inputs, pace)
            })
            .await?;
        if let Some(last) = turn.events.last() {
            run.stopped_at = last.timestamp;
            self.observe(run.id, &run.execution, &run.plan, &turn.events, false);
        }
        if !run.is_closed() {
            run.weigh(&turn);
        }
        turn.events.clear();
        Ok((run, turn))
    }

    /// Runs an execution, whose turns so far gave `turn`, to its end.
    pub(super) async fn run_express(
        self: &Arc<Self>,
        mut run: Box<Run>,
        turn: Turn,
    ) -> Result<Box<Run>, Error> {
        let (send, mut mail) = mpsc::channel(MAILBOX);
        let waiting = Arc::new(Waiting::new(send, HashMap::new()));
        self.express.waiting.lock().insert(run.id, Arc::clone(&waiting));
        let id = run.id;
        self.express_orders(&mut run, &waiting, turn.effects);
        let ended = loop {
            if run.is_closed() {
                break Ok(run);
            }
            let Woken::Inputs(inputs, askers) = self.express_wait(&run, &mut mail).await else {
                break Err(Error::shutting_down());
            };
            match self.express_turn(run, inputs).await {
                Ok((next, turn)) => {
                    run = next;
                    askers.into_iter().zip(turn.replies).for_each(|(asker, reply)| answer(asker, Ok(reply)));
                    self.express_orders(&mut run, &waiting, turn.effects);
                }
                Err(error) => break Err(error),
            }
        };
        self.express.waiting.lock().remove(&id);
        self.let_orders_go(&waiting);
        // What is in the mailbox yet is dropped with it, and whoever asked hears that it came too late.
        ended
    }

    /// Waits until something happens to an execution; not at all if it can go on by itself.
    async fn express_wait(&self, run: &Run, mail: &mut mpsc::Receiver<Mail>) -> Woken {
        let due = run.execution.next_due();
        let wait = due.map_or(Duration::MAX, |due| {
            let millis = due.as_millis().saturating_sub(self.env.now().as_millis());
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        let mut came = Vec::new();
        if run.execution.is_ready() || wait.is_zero() {
            // Others get their turn between two of this one's.
            tokio::task::yield_now().await;
            if self.stop.is_cancelled() {
                return Woken::Stopped;
            }
        } else {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Woken::Stopped,
                // The sender is kept beside the receiver, so the channel is open.
                first = mail.recv() => came.extend(first),
                () = tokio::time::sleep(wait) => {}
            }
        }
        while came.len() < TURN_INPUTS
            && let Ok(more) = mail.try_recv()
        {
            came.push(more);
        }
        let (mut inputs, mut askers) =
            (Vec::with_capacity(came.len() + 1), Vec::with_capacity(came.len() + 1));
        // Time goes first: an execution whose time is up isn't closed by what came too late.
        if due.is_some_and(|due| due <= self.env.now()) {
            inputs.push(Input::Clock);
            askers.push(None);
        }
        for Mail { what, asker } in came {
            inputs.push(input_of(&run.execution, what));
            askers.push(asker);
        }
        Woken::Inputs(inputs, askers)
    }

    /// Carries out what a turn orders. An Express execution's tasks have no jobs, so nothing has to be stopped.
    fn express_orders(self: &Arc<Self>, run: &mut Run, waiting: &Waiting, effects: Vec<Effect>) {
        let (mut give, mut forget) = (Vec::new(), Vec::new());
        let mut orders = waiting.orders.lock();
        for effect in effects {
            match effect {
                Effect::Schedule(task) => {
                    let call = run.test_case.as_mut().and_then(|case| self.mocked.call(case, &task.state));
                    let order = submit(run.id, &run.execution.info, *task, call, self.env.now());
                    let order = Arc::new(order);
                    orders.insert(order.task.clone(), Arc::clone(&order));
                    give.push(order);
                }
                Effect::Watch { task, external_ref } => {
                    let task = task_id(run.id, &task);
                    if let Some(order) = orders.get_mut(&task) {
                        let watch = Arc::make_mut(order);
                        watch.kind = DispatchKind::Watch;
                        watch.external_ref = Some(external_ref);
                        watch.parameters = None;
                        watch.submitted_at = Some(self.env.now());
                        give.retain(|before: &Arc<_>| before.task != task);
                        give.push(Arc::clone(order));
                    }
                }
                Effect::Settle(task) | Effect::Abandon { task, .. } => {
                    let task = task_id(run.id, &task);
                    orders.remove(&task);
                    give.retain(|before| before.task != task);
                    forget.push(task);
                }
                // No Express machine has a distributed Map.
                Effect::StartMapRun(_) | Effect::AbortMapRun { .. } | Effect::RedriveMapRun { .. } => {}
            }
        }
        drop(orders);
        if !forget.is_empty() {
            self.dispatcher.forget(&forget);
            self.mocked.forget(&forget);
        }
        let give = self.answer_mocked(give);
        if !give.is_empty() {
            self.dispatcher.dispatch(give);
        }
    }

    /// Lets go what is still ordered for an execution that ended without closing.
    pub(super) fn let_orders_go(&self, waiting: &Waiting) {
        let left: Vec<_> = waiting.orders.lock().drain().map(|(task, _)| task).collect();
        if !left.is_empty() {
            self.dispatcher.forget(&left);
            self.mocked.forget(&left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills_are_in_whole_steps() {
        for (figure, billed) in [(0, 100), (1, 100), (100, 100), (101, 200), (u64::MAX, u64::MAX)] {
            assert_eq!(in_steps(figure, 100), billed, "{figure}");
        }
    }
}
