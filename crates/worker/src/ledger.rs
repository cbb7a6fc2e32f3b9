//! What this process holds: every attempt under way, what is to be reported about it, and to whom.
//!
//! The ledger decides and remembers; it makes no call and sends nothing. An attempt belongs to its *home*, the
//! orchestrator that dispatched it last; its reports go there. Invariants:
//!
//! * WRK-1: a submit of one attempt begins at most once in a process, and calls the service only while it is wanted.
//! * WRK-2: a report stays until it is acknowledged, and goes out again after every reconnect.
//! * WRK-3: a job is watched only once its submission is acknowledged as durable.
//! * WRK-4: a cancel outlives every stale acknowledgement and drop: only its own acknowledgement ends it.

mod state;

use std::sync::Arc;

use newel_value::Payload;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use tokio::sync::Notify;

use crate::adapter::{Failure, Started};
use crate::attempt::{Attempt, ExternalRef, Pattern, TaskKey};
use crate::reports::{Kind, Report, Told};
use state::{Entry, Pending, Phase, State};

/// The address of an orchestrator replica, `host:port`.
pub(crate) type Home = Arc<str>;

/// What a dispatch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Submit,
    Reconcile,
    Watch,
    Cancel,
}

/// What the caller of [`Ledger::accept`] is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begin with it.
    Run(Arc<Attempt>, Order),
    /// Nothing: it is under way, over, or will be told again.
    Nothing,
}

/// An orchestrator sent more than it had credit for.
#[derive(Debug, thiserror::Error)]
#[error("the orchestrator sent more than the credit it had")]
pub(crate) struct CreditExceeded;

/// Credit, in dispatches and bytes of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) count: u32,
    pub(crate) bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    credit: Credit,
}

impl Ledger {
    /// An empty one that grants `credit` to each home.
    pub(crate) fn new(credit: Credit) -> Self {
        Self { state: Mutex::default(), credit }
    }

    /// What is signalled when there is something to send to a home.
    pub(crate) fn notify(&self, home: &Home) -> Arc<Notify> {
        Arc::clone(&self.state.lock().home(home).notify)
    }

    /// What to tell a home when a session to it opens: the credit left and the attempts held for it. `known` are the
    /// addresses there are; attempts of a home that is not among them are offered to every other.
    pub(crate) fn greet(&self, home: &Home, known: &FxHashSet<Home>) -> (Credit, Vec<TaskKey>) {
        let mut state = self.state.lock();
        let entry = state.home(home);
        entry.refund = Credit::default();
        let credit = Credit {
            count: self.credit.count.saturating_sub(entry.in_flight.count),
            bytes: self.credit.bytes.saturating_sub(entry.in_flight.bytes),
        };
        let mut held = Vec::new();
        for (task, entry) in &mut state.entries {
            if entry.home == *home || !known.contains(&entry.home) {
                entry.offered = Some(Arc::clone(home));
                held.push(task.clone());
            }
        }
        (credit, held)
    }

    /// A session is open, and the home keeps `keep` of what was `offered`. Its own attempts that it doesn't keep are let
    /// go and returned; what is kept is reported again.
    pub(crate) fn open(&self, home: &Home, offered: &[TaskKey], keep: &FxHashSet<TaskKey>) -> Vec<TaskKey> {
        let mut state = self.state.lock();
        let home_state = state.home(home);
        home_state.open = true;
        home_state.dirty.clear();
        let mut dropped = Vec::new();
        for task in offered {
            if let Some(entry) = state.entries.get_mut(task) {
                entry.offered = None;
            }
            if keep.contains(task) {
                state.adopt(task, home);
                state.mark_all(task);
            } else if state.entries.get(task).is_some_and(|entry| entry.home == *home) && state.let_go(task) {
                dropped.push(task.clone());
            }
        }
        dropped
    }

    /// The session is gone. Submits that haven't begun are forgotten: somebody else may be asked to do them.
    pub(crate) fn close(&self, home: &Home) {
        let mut state = self.state.lock();
        let home_state = state.home(home);
        home_state.open = false;
        home_state.dirty.clear();
        let idle = |entry: &Entry| entry.home == *home && entry.phase == Phase::Queued;
        let forgotten: Vec<TaskKey> =
            state.entries.iter().filter(|(_, e)| idle(e)).map(|(task, _)| task.clone()).collect();
        for task in forgotten {
            state.forget(&task);
        }
        for entry in state.entries.values_mut() {
            entry.offered.take_if(|to| to == home);
        }
    }

    /// The process is going away: submits that haven't begun are forgotten, and none is accepted from now on.
    pub(crate) fn drain(&self) {
        let mut state = self.state.lock();
        state.draining = true;
        state.entries.retain(|_, entry| entry.phase != Phase::Queued);
    }

    /// Whether nothing is under way that only this process can finish.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.state.lock();
        !state
            .entries
            .values()
            .any(|entry| entry.phase == Phase::Calling || entry.end.is_some() || entry.submitted.is_some())
    }

    /// Takes a dispatch.
    pub(crate) fn accept(&self, home: &Home, attempt: Attempt, order: Order) -> Result<Step, CreditExceeded> {
        let mut state = self.state.lock();
        let size = attempt.parameters.as_ref().map_or(0, |p| p.text().len() as u64);
        let charges = matches!(order, Order::Submit | Order::Reconcile);
        if charges {
            let spent = &state.home(home).in_flight;
            if spent.count >= self.credit.count || spent.bytes >= self.credit.bytes {
                return Err(CreditExceeded);
            }
        }
        let task = attempt.task.clone();
        if order == Order::Reconcile && state.entries.get(&task).is_some_and(Entry::is_queued_submit) {
            // Somebody else may have been asked in between: the submit that waits here must not go without a look.
            state.forget(&task);
        }
        let step = if state.entries.contains_key(&task) {
            state.adopt(&task, home);
            state.accept_held(attempt, order)
        } else if (order == Order::Submit && state.settled.contains(&task)) || (charges && state.draining) {
            Step::Nothing
        } else {
            let charged = charges.then_some(size);
            state.insert(home, attempt, order, charged)
        };
        if charges && !matches!(step, Step::Run(..)) {
            state.home(home).give_back(size);
        }
        Ok(step)
    }

    /// A dispatch whose task is known and whose rest makes no sense: `end` is its report, and `credit` what it cost.
    pub(crate) fn reject(&self, home: &Home, task: TaskKey, credit: Option<u64>, end: Report) {
        let mut state = self.state.lock();
        if let Some(bytes) = credit {
            state.home(home).give_back(bytes);
        }
        if state.entries.contains_key(&task) {
            return;
        }
        let entry = Entry {
            attempt: None,
            home: Arc::clone(home),
            order: Order::Submit,
            phase: Phase::Ended,
            offered: None,
            external_ref: None,
            cancel_wanted: false,
            charged: None,
            submitted: None,
            end: Some(Pending::new(end)),
            heartbeat: false,
        };
        state.entries.insert(task.clone(), entry);
        state.mark(&task);
    }

    /// A queued submit or reconcile is about to call the service. `false` if it is no longer wanted, or if `attempt` isn't
    /// what is queued but an earlier dispatch of it that was forgotten.
    pub(crate) fn begin(&self, attempt: &Arc<Attempt>) -> bool {
        let mut state = self.state.lock();
        match state.entries.get_mut(&attempt.task) {
            Some(entry) if entry.phase == Phase::Queued && entry.is_for(attempt) => {
                entry.phase = Phase::Calling;
                true
            }
            _ => false,
        }
    }

    /// Whether an attempt that has begun may call the service's start operation now. To be asked before every such call:
    /// since the last one a cancel may have come, or the home may have given the attempt to somebody else.
    pub(crate) fn may_start(&self, attempt: &Arc<Attempt>) -> MayStart {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get(&attempt.task) else { return MayStart::Unwanted };
        if entry.phase != Phase::Calling || !entry.is_for(attempt) {
            return MayStart::Unwanted;
        }
        if entry.cancel_wanted {
            return MayStart::Cancelled;
        }
        if state.homes.get(&entry.home).is_some_and(|home| home.open) {
            return MayStart::Yes;
        }
        if entry.offered.is_some() {
            return MayStart::AskAgain;
        }
        // Whoever is next to hear of it is told to look for what was started so far.
        state.forget(&attempt.task);
        MayStart::Unwanted
    }

    /// Whether a cancel came for an attempt that has begun.
    pub(crate) fn cancel_wanted(&self, attempt: &Arc<Attempt>) -> bool {
        let state = self.state.lock();
        state.entries.get(&attempt.task).is_some_and(|entry| entry.cancel_wanted && entry.is_for(attempt))
    }

    /// The service started the job. Returns whether a cancel came meanwhile, which the caller is then to carry out.
    pub(crate) fn submitted(&self, task: &TaskKey, started: Started) -> bool {
        let mut state = self.state.lock();
        state.refund(task);
        let Some(entry) = state.entries.get_mut(task) else { return false };
        entry.forget_parameters();
        entry.external_ref = Some(started.external_ref.clone());
        entry.submitted = Some(Pending::new(Report::Submitted(started)));
        let cancel = entry.cancel_wanted;
        entry.phase = if cancel { Phase::Cancelling } else { Phase::Submitted };
        state.mark(task);
        cancel
    }

    /// The attempt is over: by its call, by its job's end, or by a cancel.
    pub(crate) fn ended(&self, task: &TaskKey, end: Report) {
        let mut state = self.state.lock();
        state.refund(task);
        let Some(entry) = state.entries.get_mut(task) else { return };
        // A job that was asked to stop while its end was being looked at is reported as stopped: its end is stale.
        let end =
            if entry.cancel_wanted || entry.phase == Phase::Cancelling { Report::Cancelled } else { end };
        let exchange = entry.take_exchange().filter(|_| end.tells_of_call());
        entry.forget_parameters();
        entry.phase = Phase::Ended;
        entry.end = Some(Pending { exchange, ..Pending::new(end) });
        state.mark(task);
    }

    /// The job was seen alive.
    pub(crate) fn alive(&self, task: &TaskKey) {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(task) else { return };
        if entry.phase == Phase::Watching {
            entry.heartbeat = true;
            state.mark(task);
        }
    }

    /// A report is settled. Returns the attempt if its job is to be watched from now on.
    pub(crate) fn acknowledged(&self, task: &TaskKey, kind: Kind, stale: bool) -> Acknowledged {
        let mut state = self.state.lock();
        let draining = state.draining;
        let Some(entry) = state.entries.get_mut(task) else { return Acknowledged::Nothing };
        match kind {
            Kind::Submitted => entry.submitted = None,
            Kind::Heartbeat => {}
            Kind::Succeeded | Kind::Failed | Kind::Cancelled => {
                if entry.end.as_ref().is_some_and(|end| end.report.kind() == kind) {
                    entry.end = None;
                }
            }
        }
        let cancelling = entry.cancel_wanted || entry.phase == Phase::Cancelling;
        let over = entry.phase == Phase::Ended && entry.end.is_none() && entry.submitted.is_none();
        if over || (stale && !cancelling && entry.end.is_none()) {
            let watched = entry.phase == Phase::Watching;
            state.settle(task);
            return if watched { Acknowledged::Unwatch } else { Acknowledged::Nothing };
        }
        if kind != Kind::Submitted || entry.phase != Phase::Submitted {
            return Acknowledged::Nothing;
        }
        match (&entry.external_ref, &entry.attempt) {
            (Some(job), Some(attempt)) if attempt.pattern == Pattern::Job && !draining => {
                entry.phase = Phase::Watching;
                Acknowledged::Watch(Arc::clone(attempt), job.clone())
            }
            // A callback comes by the token; when draining, somebody else watches.
            _ => {
                state.settle(task);
                Acknowledged::Nothing
            }
        }
    }

    /// The home has no more interest in an attempt. Returns whether it was let go: a cancel isn't.
    pub(crate) fn dropped(&self, task: &TaskKey) -> bool {
        self.state.lock().let_go(task)
    }

    /// The credit to give back to a home, if any.
    pub(crate) fn take_refund(&self, home: &Home) -> Option<Credit> {
        let refund = std::mem::take(&mut self.state.lock().home(home).refund);
        (refund.count > 0).then_some(refund)
    }

    /// Reports for a home, in the order they are to be sent, about `bytes` of them.
    pub(crate) fn take_reports(&self, home: &Home, bytes: usize) -> Vec<Told> {
        let mut state = self.state.lock();
        let mut out = Vec::new();
        let mut size = 0;
        while size < bytes {
            let Some(task) = state.home(home).dirty.pop_front() else { break };
            let Some(entry) = state.entries.get_mut(&task) else { continue };
            if entry.home != *home {
                continue;
            }
            for pending in [&mut entry.submitted, &mut entry.end].into_iter().flatten().filter(|p| !p.sent) {
                pending.sent = true;
                size += pending.size();
                let (report, exchange) = (pending.report.clone(), pending.exchange.clone());
                out.push(Told { task: task.clone(), report, exchange });
            }
            if std::mem::take(&mut entry.heartbeat) && entry.end.is_none() {
                size += Report::Heartbeat.size();
                out.push(Told { task, report: Report::Heartbeat, exchange: None });
            }
        }
        out
    }

    /// Sends again what a home hasn't acknowledged.
    pub(crate) fn repeat(&self, home: &Home) {
        let mut state = self.state.lock();
        let waiting = |entry: &Entry| {
            entry.home == *home && [&entry.submitted, &entry.end].into_iter().flatten().any(|p| p.sent)
        };
        let tasks: Vec<TaskKey> =
            state.entries.iter().filter(|(_, e)| waiting(e)).map(|(task, _)| task.clone()).collect();
        for task in tasks {
            state.mark_all(&task);
        }
    }

    /// Bytes of reports that aren't acknowledged.
    pub(crate) fn unacknowledged_bytes(&self) -> usize {
        let state = self.state.lock();
        let of = |pending: &Option<Pending>| pending.as_ref().map_or(0, Pending::size);
        state.entries.values().map(|entry| of(&entry.submitted) + of(&entry.end)).sum()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }
}

/// Whether a start call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayStart {
    /// It may.
    Yes,
    /// No: the attempt is to be stopped.
    Cancelled,
    /// No: it is somebody else's by now, or over.
    Unwanted,
    /// A session is being opened whose home says whether it keeps the attempt.
    AskAgain,
}

/// What an acknowledgement leads to.
#[derive(Debug)]
pub(crate) enum Acknowledged {
    /// The job is to be watched.
    Watch(Arc<Attempt>, ExternalRef),
    /// The job is no longer to be watched.
    Unwatch,
    /// Nothing.
    Nothing,
}

/// An attempt's end as its report.
pub(crate) fn end_report(end: Result<Payload, Failure>) -> Report {
    match end {
        Ok(output) => Report::Succeeded(output),
        Err(failure) => Report::Failed(failure),
    }
}

#[cfg(test)]
mod tests;
