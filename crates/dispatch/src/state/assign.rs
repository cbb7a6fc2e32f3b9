//! Who gets what: queues to sessions.

use std::collections::BTreeSet;

use newel_engine::{DispatchKind, TaskId};

use super::{Ack, FamilyId, Outgoing, Place, Session, SessionId, State, parameter_bytes};

/// Dispatches taken for one message, about; with their bodies they make at least one.
const TAKE_BYTES: usize = 512 * 1024;
const TAKE_DISPATCHES: usize = 1_024;
/// Acknowledgements and drops taken at once.
const TAKE_ACKS: usize = 4_096;

impl State {
    /// Queues a submit or reconcile.
    pub(super) fn await_credit(&mut self, task: &TaskId) {
        let Some(entry) = self.tasks.get(task) else { return };
        self.families[entry.family].paid.push_back((entry.ticket, task.clone()));
    }

    /// Gives a watch or a cancel to a session: to `holder`, which knows about the attempt, if it is there; or else to the
    /// one with the fewest watches. Without any it waits.
    pub(super) fn hand_over(&mut self, task: &TaskId, holder: Option<SessionId>) {
        let Some(entry) = self.tasks.get(task) else { return };
        let (family, ticket, cancel) = (entry.family, entry.ticket, entry.due == DispatchKind::Cancel);
        let holder = holder.filter(|id| {
            // A draining worker finishes what it has and takes nothing on. A watch can be had from anybody, so it doesn't
            // wait for a session that doesn't read.
            self.sessions.get(id).is_some_and(|session| {
                session.family == family && (cancel || (!session.draining && !self.is_full(session)))
            })
        });
        let Some(session) = holder.or_else(|| self.freest(family)) else {
            self.families[family].free.push_back((ticket, task.clone()));
            return;
        };
        self.put(task, session);
    }

    fn is_full(&self, session: &Session) -> bool {
        session.outbox.len() >= self.limits.session_outbox
    }

    /// The session with the fewest watches, among those that take dispatches now.
    fn freest(&self, family: FamilyId) -> Option<SessionId> {
        let able = self
            .sessions
            .iter()
            .filter(|(_, session)| session.family == family && !session.draining && !self.is_full(session));
        able.min_by_key(|(id, session)| (session.watches, session.submits, **id)).map(|(id, _)| *id)
    }

    /// Puts an attempt in a session's outbox.
    fn put(&mut self, task: &TaskId, session: SessionId) {
        self.alter(task, |entry| entry.place = Place::Assigned(session));
        let (Some(entry), Some(session)) = (self.tasks.get(task), self.sessions.get_mut(&session)) else {
            return;
        };
        session.outbox.push_back((entry.ticket, task.clone()));
        session.wake.notify_one();
    }

    /// Gives out what can be given out.
    pub(crate) fn assign(&mut self, family: FamilyId) {
        self.assign_free(family);
        self.assign_paid(family);
    }

    fn assign_free(&mut self, family: FamilyId) {
        while let Some((ticket, task)) = self.families[family].free.front().cloned() {
            if self.queued(ticket, &task).is_some_and(|entry| entry.place == Place::Waiting) {
                let Some(session) = self.freest(family) else { return };
                self.put(&task, session);
            }
            self.families[family].free.pop_front();
        }
    }

    fn assign_paid(&mut self, family: FamilyId) {
        while let Some((ticket, task)) = self.families[family].paid.front().cloned() {
            if self.queued(ticket, &task).is_none_or(|entry| entry.place != Place::Waiting) {
                self.families[family].paid.pop_front();
                continue;
            }
            if self.least_loaded(family, 0).is_none() {
                return;
            }
            let body = self.tasks.get(&task).and_then(|entry| entry.body.as_deref());
            let Some(bytes) = body.map(parameter_bytes) else { break };
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            // Nobody overtakes what needs much credit, or it would never get it.
            let Some(id) = self.least_loaded(family, bytes) else { break };
            self.families[family].paid.pop_front();
            if let Some(session) = self.sessions.get_mut(&id) {
                session.count_credit -= 1;
                session.byte_credit = session.byte_credit.saturating_sub(bytes);
            }
            self.put(&task, id);
        }
        self.read_ahead(family);
    }

    /// Asks for the bodies of what comes next and isn't in memory.
    fn read_ahead(&mut self, family: FamilyId) {
        let window = self.families[family].paid.iter().take(self.limits.body_reads);
        let bodiless = |(ticket, task): &&(u64, TaskId)| {
            self.queued(*ticket, task).is_some_and(|entry| entry.body.is_none() && !entry.reading)
        };
        let next: Vec<TaskId> = window.filter(bodiless).map(|(_, task)| task.clone()).collect();
        for task in next {
            if !self.request_body(&task) {
                return;
            }
        }
    }

    /// The session with the fewest submits under way among those with credit for `bytes`.
    fn least_loaded(&self, family: FamilyId, bytes: i64) -> Option<SessionId> {
        let able = self.sessions.iter().filter(|(_, session)| {
            session.family == family && !session.draining && !self.is_full(session) && session.affords(bytes)
        });
        able.min_by_key(|(id, session)| (session.submits, session.watches, **id)).map(|(id, _)| *id)
    }

    /// What goes to a session next. Marks it sent: from here on it may have arrived.
    pub(crate) fn take(&mut self, id: SessionId) -> Outgoing {
        let mut out = Outgoing::default();
        let Some(session) = self.sessions.get_mut(&id) else { return out };
        let family = session.family;
        let acks = session.acks.len().min(TAKE_ACKS);
        out.acks.extend(session.acks.drain(..acks));
        let drops = session.drops.len().min(TAKE_ACKS);
        out.drops.extend(session.drops.drain(..drops));
        let mut bytes = 0;
        while bytes < TAKE_BYTES && out.dispatches.len() < TAKE_DISPATCHES {
            let Some((ticket, task)) =
                self.sessions.get_mut(&id).and_then(|session| session.outbox.pop_front())
            else {
                break;
            };
            let Some(entry) = self.queued(ticket, &task).filter(|entry| entry.place == Place::Assigned(id))
            else {
                continue;
            };
            let (due, size, body) = (entry.due, entry.body_bytes(), entry.body.clone());
            let Some(body) = body else {
                if self.request_body(&task) {
                    continue;
                }
                self.push_back_front(id, ticket, task);
                break;
            };
            self.alter(&task, |entry| (entry.place, entry.body) = (Place::Sent(id), None));
            bytes += size;
            out.dispatches.push((due, body));
        }
        let figures = &mut self.families[family];
        figures.sent += out.dispatches.len() as u64;
        figures.acknowledged += out.acks.len() as u64;
        self.assign(family);
        out
    }

    fn push_back_front(&mut self, id: SessionId, ticket: u64, task: TaskId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.outbox.push_front((ticket, task));
        }
    }

    /// A session gives more credit.
    pub(crate) fn credit(&mut self, id: SessionId, count: u32, bytes: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.grant(count, bytes);
        let family = session.family;
        self.assign(family);
    }

    /// A report is settled and goes back to its session.
    pub(crate) fn acknowledge(&mut self, id: SessionId, ack: Ack) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.acks.push_back(ack);
            session.wake.notify_one();
        }
    }

    /// Takes entries back from a session, to be given to others in the order in which they went out: what was sent as a
    /// submit becomes a reconcile.
    pub(super) fn redeliver(&mut self, mut tasks: Vec<TaskId>) {
        tasks.sort_by_key(|task| self.tasks.get(task).map(|entry| entry.ticket));
        for task in &tasks {
            let ticket = self.ticket();
            self.alter(task, |entry| {
                if matches!(entry.place, Place::Sent(_)) && entry.due == DispatchKind::Submit {
                    entry.due = DispatchKind::Reconcile;
                }
                (entry.place, entry.ticket, entry.reading) = (Place::Waiting, ticket, false);
            });
        }
        let mut families = BTreeSet::new();
        // Last first, since each goes to the head of its queue: they have waited longest.
        for task in tasks.into_iter().rev() {
            let Some(entry) = self.tasks.get(&task) else { continue };
            families.insert(entry.family);
            let family = &mut self.families[entry.family];
            let queue = if entry.needs_credit() { &mut family.paid } else { &mut family.free };
            queue.push_front((entry.ticket, task));
        }
        families.into_iter().for_each(|family| self.assign(family));
    }
}

impl Session {
    /// Whether a submit of that size may be sent. One that is larger than all the credit there ever is goes when nothing
    /// else is under way: it would never go otherwise.
    fn affords(&self, bytes: i64) -> bool {
        let alone = self.byte_credit >= self.most_bytes;
        self.count_credit > 0 && self.byte_credit > 0 && (bytes <= self.byte_credit || alone)
    }

    pub(super) fn grant(&mut self, count: u32, bytes: u64) {
        self.count_credit = self.count_credit.saturating_add(i64::from(count));
        self.byte_credit = self.byte_credit.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.most_bytes = self.most_bytes.max(self.byte_credit);
    }
}
