//! Workers come and go.

use std::collections::VecDeque;
use std::sync::Arc;

use newel_engine::{DispatchKind, TaskId};
use newel_value::Str;
use tokio::sync::Notify;

use super::{Departed, FamilyId, Place, Queue, Session, SessionId, State};

/// How many families workers may name. Those of the engine are few.
const MAX_FAMILIES: usize = 1_024;

/// What a worker says of itself.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) family: Str,
    pub(crate) worker: Str,
    pub(crate) count_credit: u32,
    pub(crate) byte_credit: u64,
    pub(crate) held: Vec<TaskId>,
}

/// What it is told.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) session: SessionId,
    /// Signalled when there is something to [`State::take`].
    pub(crate) wake: Arc<Notify>,
    pub(crate) keep: Vec<TaskId>,
    /// The worker's earlier session, which is closed.
    pub(crate) replaced: Option<SessionId>,
}

impl State {
    /// Opens a session; `None` if there are too many families.
    pub(crate) fn open(&mut self, introduction: Introduction) -> Option<Greeting> {
        let Introduction { family: name, worker, count_credit, byte_credit, held } = introduction;
        if self.families.len() >= MAX_FAMILIES && !self.names.contains_key(&name) {
            return None;
        }
        let family = self.family(&name);
        let same = |session: &Session| session.family == family && session.worker == worker;
        let replaced = self.sessions.iter().find(|(_, session)| same(session)).map(|(id, _)| *id);
        if let Some(id) = replaced {
            self.close(id);
        }
        self.last_session += 1;
        let (id, wake) = (self.last_session, Arc::new(Notify::new()));
        let mut session = Session {
            family,
            worker: Arc::clone(&worker),
            count_credit: 0,
            byte_credit: 0,
            most_bytes: 0,
            draining: false,
            outbox: Queue::new(),
            submits: 0,
            watches: 0,
            acks: VecDeque::new(),
            drops: Vec::new(),
            wake: Arc::clone(&wake),
        };
        session.grant(count_credit, byte_credit);
        self.sessions.insert(id, session);
        let keep = held.into_iter().filter(|task| self.keeps(id, family, task)).collect();
        // It is back and says what it has: there is nothing to wait for.
        let former = |departed: &Departed| departed.family == family && departed.worker == worker;
        let former: Vec<_> = self.departed.iter().filter(|(_, d)| former(d)).map(|(id, _)| *id).collect();
        for id in former {
            self.release(id);
        }
        self.assign(family);
        Some(Greeting { session: id, wake, keep, replaced })
    }

    /// Whether a session keeps an attempt that it holds: unless another has it.
    fn keeps(&mut self, id: SessionId, family: FamilyId, task: &TaskId) -> bool {
        let Some(entry) = self.tasks.get(task) else {
            let claimant = self.claims.get(task).copied();
            if claimant.is_some_and(|claimant| self.sessions.contains_key(&claimant) && claimant != id) {
                return false;
            }
            self.claims.insert(task.clone(), id);
            return true;
        };
        if entry.family != family || entry.place == Place::Settling {
            return false;
        }
        let (due, place, holder) = (entry.due, entry.place, entry.holder());
        if holder.is_some_and(|holder| self.is_open(holder, family)) {
            return false;
        }
        match (due, place) {
            (_, Place::Started(_)) => self.alter(task, |entry| entry.place = Place::Started(id)),
            (DispatchKind::Submit | DispatchKind::Reconcile, _) | (DispatchKind::Watch, Place::Sent(_)) => {
                self.adopt(task, id);
            }
            // It may not have heard of it.
            (DispatchKind::Watch | DispatchKind::Cancel, _) => {
                let ticket = self.ticket();
                self.alter(task, |entry| {
                    (entry.place, entry.ticket, entry.reading) = (Place::Waiting, ticket, false);
                });
                self.hand_over(task, Some(id));
            }
        }
        true
    }

    /// A session has an attempt without having been sent it, and reports by itself what comes of it.
    pub(super) fn adopt(&mut self, task: &TaskId, session: SessionId) {
        let ticket = self.ticket();
        self.alter(task, |entry| {
            if entry.due == DispatchKind::Submit {
                entry.due = DispatchKind::Reconcile;
            }
            (entry.place, entry.ticket) = (Place::Sent(session), ticket);
            (entry.body, entry.reading) = (None, false);
        });
    }

    /// A session is gone. What was to be sent to it goes to others at once; what was sent waits for [`State::release`].
    /// Returns whether that is to be called after a while.
    pub(crate) fn close(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.remove(&id) else { return false };
        self.claims.retain(|_, claimant| *claimant != id);
        self.departed.insert(id, Departed { family: session.family, worker: session.worker });
        let unsent = self.placed(Place::Assigned(id));
        self.redeliver(unsent);
        if session.draining {
            self.release(id);
        }
        !session.draining
    }

    /// A lost session's worker didn't come back: what it had goes to others.
    pub(crate) fn release(&mut self, id: SessionId) {
        if self.departed.remove(&id).is_some() {
            let sent = self.placed(Place::Sent(id));
            self.redeliver(sent);
        }
    }

    /// A session's worker is going away: it gets nothing new but cancels of what it has.
    pub(crate) fn drain(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.draining = true;
        let mut unsent = self.placed(Place::Assigned(id));
        unsent.retain(|task| self.tasks.get(task).is_some_and(|entry| entry.due != DispatchKind::Cancel));
        self.redeliver(unsent);
    }

    /// The attempts that a session said it held and that nobody dispatched since.
    pub(crate) fn claimed(&self, id: SessionId) -> Vec<TaskId> {
        let claims = self.claims.iter().filter(|(_, claimant)| **claimant == id);
        let mut tasks: Vec<_> = claims.map(|(task, _)| task.clone()).collect();
        tasks.sort();
        tasks
    }

    /// Nothing waits for an attempt that a session holds.
    pub(crate) fn disclaim(&mut self, id: SessionId, task: &TaskId) {
        if self.claims.get(task) == Some(&id) {
            self.claims.remove(task);
            self.drop_from(id, task);
        }
    }

    fn placed(&self, place: Place) -> Vec<TaskId> {
        self.tasks.iter().filter(|(_, entry)| entry.place == place).map(|(task, _)| task.clone()).collect()
    }
}
