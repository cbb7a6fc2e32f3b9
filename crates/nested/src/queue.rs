//! What is to be done, in the order it came, so many things at once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, TaskId};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Something to be done for an attempt.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: TaskId,
    pub(crate) kind: DispatchKind,
    /// The dispatch itself, unless too many were waiting: then it is read again.
    pub(crate) body: Option<Arc<Dispatch>>,
}

/// Orders that wait and orders that are being carried out; at most one of each for an attempt.
#[derive(Debug)]
pub(crate) struct Queue {
    calls: usize,
    bodies: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    line: VecDeque<TaskId>,
    /// Those in line; an id in line that isn't here was forgotten.
    waiting: HashMap<TaskId, Order>,
    bodies: usize,
    running: HashMap<TaskId, CancellationToken>,
    /// Orders of attempts that are running still: they are put in line when that has ended.
    next: HashMap<TaskId, Order>,
}

impl Queue {
    pub(crate) fn new(calls: usize, bodies: usize) -> Self {
        Self { calls: calls.max(1), bodies, state: Mutex::default() }
    }

    /// Takes an order, which takes the place of an earlier one for its attempt.
    pub(crate) fn put(&self, dispatch: Arc<Dispatch>) {
        let (task, kind) = (dispatch.task.clone(), dispatch.kind);
        let mut state = self.state.lock();
        let body = (state.bodies < self.bodies).then_some(dispatch);
        state.add(Order { task, kind, body });
    }

    /// Has a watched job looked at again.
    pub(crate) fn look_again(&self, task: TaskId) {
        self.state.lock().add(Order { task, kind: DispatchKind::Watch, body: None });
    }

    /// The next order that may be carried out, and what is cancelled if it no longer should.
    pub(crate) fn next(&self) -> Option<(Order, CancellationToken)> {
        let mut state = self.state.lock();
        while state.running.len() < self.calls {
            let task = state.line.pop_front()?;
            if let Some(order) = state.take(&task) {
                let cancelled = CancellationToken::new();
                state.running.insert(task, cancelled.clone());
                return Some((order, cancelled));
            }
        }
        None
    }

    /// An order has been carried out, or has broken off because the attempt is over.
    pub(crate) fn done(&self, task: &TaskId) {
        let mut state = self.state.lock();
        state.running.remove(task);
        if let Some(order) = state.next.remove(task) {
            state.bodies -= usize::from(order.body.is_some());
            state.add(order);
        }
    }

    /// The attempt is over.
    pub(crate) fn forget(&self, task: &TaskId) {
        let mut state = self.state.lock();
        state.take(task);
        if let Some(order) = state.next.remove(task) {
            state.bodies -= usize::from(order.body.is_some());
        }
        if let Some(running) = state.running.get(task) {
            running.cancel();
        }
    }
}

impl State {
    fn add(&mut self, order: Order) {
        let task = order.task.clone();
        self.bodies += usize::from(order.body.is_some());
        // A call under way is let end: what it started must be known before it is watched or stopped.
        if self.running.contains_key(&task) {
            if let Some(earlier) = self.next.insert(task, order) {
                self.bodies -= usize::from(earlier.body.is_some());
            }
            return;
        }
        match self.waiting.insert(task.clone(), order) {
            Some(earlier) => self.bodies -= usize::from(earlier.body.is_some()),
            None => self.line.push_back(task),
        }
    }

    fn take(&mut self, task: &TaskId) -> Option<Order> {
        let order = self.waiting.remove(task)?;
        self.bodies -= usize::from(order.body.is_some());
        Some(order)
    }
}
