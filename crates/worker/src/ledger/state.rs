//! The entries behind the ledger's lock, and how they change.

use std::collections::VecDeque;
use std::sync::Arc;

use newel_value::Payload;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::Notify;

use super::{Credit, Home, Order, Step};
use crate::attempt::{Attempt, ExternalRef, TaskKey};
use crate::reports::Report;
use crate::trace::Exchange;

/// How many attempts that are over are remembered, so that a submit delivered late isn't run.
pub(super) const SETTLED_CAPACITY: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its turn; this process has sent nothing to the service.
    Queued,
    /// A submit or reconcile is under way.
    Calling,
    /// Started; the report isn't acknowledged.
    Submitted,
    /// Under watch.
    Watching,
    /// Being stopped.
    Cancelling,
    /// Over; the report isn't acknowledged.
    Ended,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) report: Report,
    /// What goes with it, if whoever dispatched the attempt asked for it.
    pub(super) exchange: Option<Payload>,
    /// Whether it went out on the session there is, and isn't due for repetition.
    pub(super) sent: bool,
}

impl Pending {
    pub(super) fn new(report: Report) -> Self {
        Self { report, exchange: None, sent: false }
    }

    pub(super) fn size(&self) -> usize {
        self.report.size() + self.exchange.as_ref().map_or(0, |exchange| exchange.text().len())
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    /// `None` for a dispatch that made no sense.
    pub(super) attempt: Option<Arc<Attempt>>,
    pub(super) home: Home,
    /// What it was first dispatched for.
    pub(super) order: Order,
    pub(super) phase: Phase,
    /// The home that was told of it and hasn't answered yet whether it keeps it.
    pub(super) offered: Option<Home>,
    pub(super) external_ref: Option<ExternalRef>,
    /// A cancel came while the submit was under way.
    pub(super) cancel_wanted: bool,
    /// Credit to give back when the call ends.
    pub(super) charged: Option<u64>,
    pub(super) submitted: Option<Pending>,
    pub(super) end: Option<Pending>,
    pub(super) heartbeat: bool,
}

impl Entry {
    /// Whether this is the dispatch that the entry was made for, not just one of the same attempt.
    pub(super) fn is_for(&self, attempt: &Arc<Attempt>) -> bool {
        self.attempt.as_ref().is_some_and(|held| Arc::ptr_eq(held, attempt))
    }

    pub(super) fn is_queued_submit(&self) -> bool {
        self.phase == Phase::Queued && self.order == Order::Submit
    }

    /// The exchange that was noted for whoever tests the attempt's state.
    pub(super) fn take_exchange(&self) -> Option<Payload> {
        let trace = self.attempt.as_ref()?.http_trace.as_ref()?;
        trace.take().map(Exchange::into_payload)
    }

    /// Nothing needs them once the call is over.
    pub(super) fn forget_parameters(&mut self) {
        self.attempt = self.attempt.take().map(|attempt| Arc::new(attempt.without_parameters()));
    }
}

#[derive(Debug)]
pub(super) struct HomeState {
    pub(super) open: bool,
    pub(super) in_flight: Credit,
    pub(super) refund: Credit,
    /// Attempts with something to report.
    pub(super) dirty: VecDeque<TaskKey>,
    pub(super) notify: Arc<Notify>,
}

impl HomeState {
    /// The home may send another dispatch of that size.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.refund.count += 1;
        self.refund.bytes += bytes;
        self.notify.notify_one();
    }

    pub(super) fn mark(&mut self, task: &TaskKey) {
        if self.open {
            self.dirty.push_back(task.clone());
            self.notify.notify_one();
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: FxHashMap<TaskKey, Entry>,
    pub(super) homes: FxHashMap<Home, HomeState>,
    pub(super) settled: FxHashSet<TaskKey>,
    pub(super) settled_order: VecDeque<TaskKey>,
    pub(super) draining: bool,
}

impl State {
    pub(super) fn home(&mut self, home: &Home) -> &mut HomeState {
        self.homes.entry(Arc::clone(home)).or_insert_with(|| HomeState {
            open: false,
            in_flight: Credit::default(),
            refund: Credit::default(),
            dirty: VecDeque::new(),
            notify: Arc::new(Notify::new()),
        })
    }

    pub(super) fn insert(
        &mut self,
        home: &Home,
        attempt: Attempt,
        order: Order,
        charged: Option<u64>,
    ) -> Step {
        let attempt = Arc::new(attempt);
        let phase = match order {
            Order::Submit | Order::Reconcile => Phase::Queued,
            Order::Watch => Phase::Watching,
            Order::Cancel => Phase::Cancelling,
        };
        if let Some(bytes) = charged {
            let in_flight = &mut self.home(home).in_flight;
            in_flight.count += 1;
            in_flight.bytes += bytes;
        }
        let entry = Entry {
            home: Arc::clone(home),
            order,
            phase,
            offered: None,
            external_ref: attempt.external_ref.clone(),
            cancel_wanted: false,
            charged,
            submitted: None,
            end: None,
            heartbeat: false,
            attempt: Some(Arc::clone(&attempt)),
        };
        self.entries.insert(attempt.task.clone(), entry);
        Step::Run(attempt, order)
    }

    /// A dispatch of an attempt that is held: the answer is what is known, except that a cancel changes its course.
    pub(super) fn accept_held(&mut self, attempt: Attempt, order: Order) -> Step {
        let task = attempt.task.clone();
        match order {
            Order::Cancel => self.cancel_held(attempt),
            Order::Watch => self.watch_held(attempt),
            Order::Submit | Order::Reconcile => {
                self.mark_all(&task);
                Step::Nothing
            }
        }
    }

    /// That a watch is asked for proves the submission durable, whether or not its acknowledgement came.
    pub(super) fn watch_held(&mut self, attempt: Attempt) -> Step {
        let task = attempt.task.clone();
        match self.entries.get_mut(&task) {
            Some(entry) if matches!(entry.phase, Phase::Queued | Phase::Submitted) => {
                entry.phase = Phase::Watching;
                entry.submitted = None;
                entry.external_ref = attempt.external_ref.clone().or_else(|| entry.external_ref.clone());
                self.refund(&task);
                Step::Run(Arc::new(attempt), Order::Watch)
            }
            _ => {
                self.mark_all(&task);
                Step::Nothing
            }
        }
    }

    pub(super) fn cancel_held(&mut self, attempt: Attempt) -> Step {
        let task = attempt.task.clone();
        let Some(entry) = self.entries.get_mut(&task) else { return Step::Nothing };
        match (entry.phase, &entry.attempt) {
            // A process before this one may have started its job, which is to be found and stopped.
            (Phase::Queued, Some(queued)) if entry.order == Order::Reconcile => {
                let external_ref = attempt.external_ref.or_else(|| entry.external_ref.clone());
                let attempt = Attempt { external_ref, ..Attempt::clone(queued) };
                entry.phase = Phase::Cancelling;
                self.refund(&task);
                Step::Run(Arc::new(attempt), Order::Cancel)
            }
            (Phase::Queued, _) => {
                entry.phase = Phase::Ended;
                entry.end = Some(Pending::new(Report::Cancelled));
                self.refund(&task);
                self.mark(&task);
                Step::Nothing
            }
            (Phase::Calling, _) => {
                entry.cancel_wanted = true;
                Step::Nothing
            }
            (Phase::Submitted | Phase::Watching, _) => {
                entry.phase = Phase::Cancelling;
                let external_ref = attempt.external_ref.clone().or_else(|| entry.external_ref.clone());
                Step::Run(Arc::new(Attempt { external_ref, ..attempt }), Order::Cancel)
            }
            (Phase::Cancelling, _) => Step::Nothing,
            (Phase::Ended, _) => {
                entry.end = Some(Pending::new(Report::Cancelled));
                self.mark(&task);
                Step::Nothing
            }
        }
    }

    /// The attempt's reports go to `home` from now on.
    pub(super) fn adopt(&mut self, task: &TaskKey, home: &Home) {
        let Some(entry) = self.entries.get_mut(task) else { return };
        if entry.home == *home {
            return;
        }
        let former = std::mem::replace(&mut entry.home, Arc::clone(home));
        if let Some(bytes) = entry.charged.take() {
            let in_flight = &mut self.home(&former).in_flight;
            in_flight.count = in_flight.count.saturating_sub(1);
            in_flight.bytes = in_flight.bytes.saturating_sub(bytes);
        }
    }

    pub(super) fn mark(&mut self, task: &TaskKey) {
        if let Some(home) = self.entries.get(task).map(|entry| Arc::clone(&entry.home)) {
            self.home(&home).mark(task);
        }
    }

    /// Everything unacknowledged about an attempt is to be sent (again).
    pub(super) fn mark_all(&mut self, task: &TaskKey) {
        let Some(entry) = self.entries.get_mut(task) else { return };
        let mut any = false;
        for pending in [&mut entry.submitted, &mut entry.end].into_iter().flatten() {
            pending.sent = false;
            any = true;
        }
        if any {
            self.mark(task);
        }
    }

    /// Gives back the credit of a call that is over.
    pub(super) fn refund(&mut self, task: &TaskKey) {
        let Some(entry) = self.entries.get_mut(task) else { return };
        let Some(bytes) = entry.charged.take() else { return };
        let home = Arc::clone(&entry.home);
        let home_state = self.home(&home);
        home_state.in_flight.count = home_state.in_flight.count.saturating_sub(1);
        home_state.in_flight.bytes = home_state.in_flight.bytes.saturating_sub(bytes);
        home_state.give_back(bytes);
    }

    pub(super) fn let_go(&mut self, task: &TaskKey) -> bool {
        let Some(entry) = self.entries.get(task) else { return false };
        if entry.cancel_wanted || entry.phase == Phase::Cancelling {
            return false;
        }
        self.settle(task);
        true
    }

    /// Forgets an attempt as if it had never come; it may come again.
    pub(super) fn forget(&mut self, task: &TaskKey) {
        self.refund(task);
        self.entries.remove(task);
    }

    pub(super) fn settle(&mut self, task: &TaskKey) {
        self.refund(task);
        self.entries.remove(task);
        if self.settled.insert(task.clone()) {
            self.settled_order.push_back(task.clone());
        }
        if self.settled_order.len() > SETTLED_CAPACITY
            && let Some(oldest) = self.settled_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
    }
}
