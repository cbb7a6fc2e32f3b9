//! What must hold after every run, each with an id.
//!
//! * SIM-0: what is refused is refused as documented.
//! * SIM-1: an execution whose start was acknowledged exists and is closed.
//! * SIM-2: it has its known output, or was aborted by a stop that was asked for and wasn't redriven.
//! * SIM-3: its history is dense, in order, follows only what came before, begins with its start, and has one end: its last event (one more before each redrive).
//! * SIM-4: no attempt is submitted twice: one Submit at most, before all other orders for it; no job starts twice.
//! * SIM-5: what goes to workers is durable, and every watch names the job that was reported.
//! * SIM-6: no order is lost or left over: the outbox is empty, and a job that its attempt let go was stopped.
//! * SIM-7: no timer fires early, and none is missed.
//! * SIM-8: a watcher sees the history, whole and once.
//! * SIM-9: what observers were told of is in the history (nothing leaves before it is durable).

use newel_engine::request::Execution;
use newel_engine::{DispatchKind, Workflows as _};
use newel_machine::{Detail, Event};
use newel_store::{ExecutionStatus, Store as _};

use super::run::{Promise, Statistics, World};
use crate::support::{Fixture, json, outbox, tenant};

/// How late an execution may be beyond what its machine needs: lives of an engine last forty seconds at most, and there are few.
const OVERDUE_SECONDS: u64 = 1_200;

/// Checks everything. Gives what happened and what shouldn't have.
pub(crate) async fn check(world: &World, crashes: usize) -> (Statistics, Vec<String>) {
    let mut bad = world.workers.violations();
    let quiet = Fixture::on(world.store.clone()).await;
    let mut statistics = Statistics { crashes, seconds: world.age().as_secs(), ..Statistics::default() };
    let told = world.told.take();
    let promises = world.promises.lock().clone();
    for (name, promise) in &promises {
        let Some(arn) = &promise.arn else {
            bad.push(format!("SIM-1: the start of {name} was never acknowledged"));
            continue;
        };
        let Ok(execution) = quiet.engine.describe_execution(&tenant(), arn).await else {
            bad.push(format!("SIM-1: {arn} doesn't exist"));
            continue;
        };
        let events = quiet.history(arn, false, 1_000).await;
        statistics.executions += 1;
        statistics.events += events.len();
        statistics.stopped += usize::from(execution.status == ExecutionStatus::Aborted);
        outcome(world, promise, &execution, &mut bad);
        history(arn, &events, &execution, &mut bad);
        // Whoever watched the first life of one that was redriven may have left with its end.
        if let Some(watched) = &promise.watched
            && !(*watched == events || promise.redriven && events.starts_with(watched))
        {
            bad.push(format!("SIM-8: a watcher of {arn} saw {} events of {}", watched.len(), events.len()));
        }
        for event in told.get(arn).into_iter().flatten() {
            if events.get(usize::try_from(event.id - 1).unwrap()) != Some(event) {
                bad.push(format!("SIM-9: event {} of {arn} was told of but isn't stored", event.id));
            }
        }
    }
    orders(world, &mut statistics, &mut bad);
    let left = outbox(&*world.store).await.len();
    if left > 0 {
        bad.push(format!("SIM-6: {left} orders are left in the outbox"));
    }
    let open = world.store.open_executions(None).await.unwrap();
    if open > 0 {
        bad.push(format!("SIM-1: {open} executions are open"));
    }
    (statistics, bad)
}

fn outcome(world: &World, promise: &Promise, execution: &Execution, bad: &mut Vec<String>) {
    let known = &world.known[promise.machine];
    let arn = &execution.arn;
    let took = execution.stopped_at.map_or(0, |at| at.as_millis() - execution.started_at.as_millis());
    let took = u64::try_from(took).unwrap_or(0) / 1_000;
    match execution.status {
        ExecutionStatus::Running => bad.push(format!("SIM-1: {arn} isn't closed")),
        ExecutionStatus::Succeeded => {
            let expected = json(&(known.output)(promise.n));
            if execution.output.as_ref().map(|output| output.value()) != Some(expected.value()) {
                bad.push(format!("SIM-2: {arn} gave {:?}", execution.output));
            }
            if took < known.at_least {
                bad.push(format!("SIM-7: {arn} took {took} s, less than its timers"));
            }
        }
        ExecutionStatus::Aborted if promise.stop.is_some() && !promise.redriven => {}
        other => bad.push(format!("SIM-2: {arn} is {} ({:?})", other.name(), execution.fault)),
    }
    if took > known.at_least + OVERDUE_SECONDS {
        bad.push(format!("SIM-7: {arn} took {took} s"));
    }
}

fn history(arn: &str, events: &[Event], execution: &Execution, bad: &mut Vec<String>) {
    let mut told = |what: &str| bad.push(format!("SIM-3: {arn}: {what}"));
    for (id, event) in (1..).zip(events) {
        if event.id != id {
            return told(&format!("event {} stands where {id} should", event.id));
        }
        if event.previous >= id {
            told(&format!("event {id} follows a later one"));
        }
        let redriven = events
            .get(usize::try_from(id).unwrap())
            .is_some_and(|next| matches!(next.detail, Detail::ExecutionRedriven { .. }));
        if (id == events.len() as u64 || redriven) != event.detail.is_terminal() {
            told(&format!("event {id} is {}", event.detail.type_name()));
        }
    }
    if events.windows(2).any(|pair| pair[1].timestamp < pair[0].timestamp) {
        told("time goes back");
    }
    if !matches!(events.first().map(|event| &event.detail), Some(Detail::ExecutionStarted { .. })) {
        told("it doesn't begin with its start");
    }
    if events.last().map(|event| event.timestamp) != execution.stopped_at {
        told("it didn't stop with its last event");
    }
}

fn orders(world: &World, statistics: &mut Statistics, bad: &mut Vec<String>) {
    for (task, kinds) in world.workers.orders() {
        statistics.orders += kinds.len();
        statistics.reconciled += kinds.iter().filter(|kind| **kind == DispatchKind::Reconcile).count();
        if kinds.iter().skip(1).any(|kind| *kind == DispatchKind::Submit) {
            bad.push(format!("SIM-4: {task} was ordered as {kinds:?}"));
        }
        if kinds.iter().zip(kinds.iter().skip(1)).any(|(a, b)| rank(*b) < rank(*a)) {
            bad.push(format!("SIM-5: {task} went back: {kinds:?}"));
        }
    }
    for (task, job) in world.workers.jobs() {
        statistics.jobs += 1;
        if job.starts > 1 {
            bad.push(format!("SIM-4: {task} started {} times", job.starts));
        }
        let orders = world.workers.orders();
        let stopping = orders.get(&task).is_some_and(|kinds| kinds.contains(&DispatchKind::Cancel));
        if stopping && !job.cancelled {
            bad.push(format!("SIM-6: the job of {task} was let go but not stopped"));
        }
    }
}

/// How far along an attempt is when such an order is given for it.
const fn rank(kind: DispatchKind) -> u8 {
    match kind {
        DispatchKind::Submit => 0,
        DispatchKind::Reconcile => 1,
        DispatchKind::Watch => 2,
        DispatchKind::Cancel => 3,
    }
}
