//! Dispatches as the engine hands them over, or gives them again.

use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, TaskId};

use super::{Effect, Entry, FamilyId, Place, SessionId, State, Ticket};

impl State {
    /// Takes a dispatch from the engine.
    pub(crate) fn accept(&mut self, dispatch: Arc<Dispatch>) {
        let family = self.family(&dispatch.family);
        let task = dispatch.task.clone();
        if let Some(entry) = self.tasks.get(&task) {
            if entry.family == family {
                self.supersede(dispatch);
            } else {
                tracing::error!(%task, family = &*dispatch.family, "an attempt changed its family; ignored");
            }
            return;
        }
        let claimant = self.claims.remove(&task).filter(|session| self.is_open(*session, family));
        let (due, kind) = (dispatch.kind, dispatch.kind);
        let entry = Entry {
            family,
            due,
            place: Place::Waiting,
            callback: dispatch.resource.ends_with(".waitForTaskToken"),
            body: self.fitting(family, dispatch),
            ticket: self.ticket(),
            reading: false,
        };
        self.insert(task.clone(), entry);
        match (kind, claimant) {
            // Whoever holds it reports by itself what came of it.
            (DispatchKind::Submit | DispatchKind::Reconcile, Some(session)) => self.adopt(&task, session),
            (DispatchKind::Submit | DispatchKind::Reconcile, None) => self.await_credit(&task),
            (DispatchKind::Watch | DispatchKind::Cancel, _) => self.hand_over(&task, claimant),
        }
        self.assign(family);
    }

    /// An attempt that is outstanding already gets another dispatch.
    fn supersede(&mut self, dispatch: Arc<Dispatch>) {
        use DispatchKind::{Cancel, Reconcile, Submit, Watch};
        let task = dispatch.task.clone();
        let Some(entry) = self.tasks.get(&task) else { return };
        let waits = matches!(entry.place, Place::Waiting | Place::Assigned(_));
        match (entry.due, dispatch.kind) {
            (Submit, Cancel) if waits => {
                self.alter(&task, |entry| {
                    (entry.due, entry.place, entry.body) = (Cancel, Place::Settling, None);
                });
                self.effects.push(Effect::NeverBegun(task));
            }
            (Submit | Reconcile | Watch, Cancel) | (Submit | Reconcile, Watch) => {
                let (family, holder, ticket) = (entry.family, entry.holder(), self.ticket());
                let due = dispatch.kind;
                self.alter(&task, |entry| {
                    (entry.due, entry.place, entry.ticket) = (due, Place::Waiting, ticket);
                    (entry.body, entry.reading) = (None, false);
                });
                let body = self.fitting(family, dispatch);
                self.alter(&task, |entry| entry.body = body);
                self.hand_over(&task, holder);
                self.assign(family);
            }
            // Somebody knows more than we do: a look first can do no harm.
            (Submit, Reconcile) if waits => self.alter(&task, |entry| entry.due = Reconcile),
            // Under way already, or overtaken.
            _ => {}
        }
    }

    /// Takes what the engine gave for [`Effect::Read`]; `None` if nothing is due any more.
    pub(crate) fn read(
        &mut self,
        family: FamilyId,
        task: &TaskId,
        ticket: Ticket,
        body: Option<Arc<Dispatch>>,
    ) {
        self.families[family].reading = self.families[family].reading.saturating_sub(1);
        if self.queued(ticket, task).is_some_and(|entry| entry.reading) {
            self.alter(task, |entry| entry.reading = false);
            match body {
                None => self.remove(task),
                Some(body) if is_later(self.tasks.get(task), body.kind) => self.supersede(body),
                Some(body) => self.refill(task, body),
            }
        }
        self.assign(family);
        for session in self.sessions.values().filter(|session| session.family == family) {
            if !session.outbox.is_empty() {
                session.wake.notify_one();
            }
        }
    }

    fn refill(&mut self, task: &TaskId, body: Arc<Dispatch>) {
        self.alter(task, |entry| {
            if (entry.due, body.kind) == (DispatchKind::Submit, DispatchKind::Reconcile) {
                entry.due = DispatchKind::Reconcile;
            }
            entry.body = Some(body);
        });
        let Some(entry) = self.tasks.get(task) else { return };
        if let Place::Assigned(session) = entry.place
            && let Some(session) = self.sessions.get_mut(&session)
        {
            session.outbox.push_front((entry.ticket, task.clone()));
        }
    }

    /// Asks for an entry's body unless that is under way. `false` if no more can be asked for until others have come.
    pub(super) fn request_body(&mut self, task: &TaskId) -> bool {
        let Some(entry) = self.tasks.get_mut(task) else { return true };
        if entry.reading {
            return true;
        }
        let family = entry.family;
        if self.families[family].reading >= self.limits.body_reads {
            return false;
        }
        self.families[family].reading += 1;
        entry.reading = true;
        self.effects.push(Effect::Read { family, task: task.clone(), kind: entry.due, ticket: entry.ticket });
        true
    }

    /// The engine says that attempts are over. What is queued, sent or watched for them is let go; a cancel isn't.
    pub(crate) fn forget(&mut self, tasks: &[TaskId]) {
        for task in tasks {
            if let Some(session) = self.claims.remove(task) {
                self.drop_from(session, task);
            }
            let Some(entry) = self.tasks.get(task).filter(|entry| entry.due != DispatchKind::Cancel) else {
                continue;
            };
            let (family, holder) = (entry.family, entry.holder());
            self.remove(task);
            if let Some(session) = holder {
                self.drop_from(session, task);
            }
            self.assign(family);
        }
    }

    pub(super) fn drop_from(&mut self, session: SessionId, task: &TaskId) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.drops.push(task.clone());
            session.wake.notify_one();
        }
    }
}

/// Whether a dispatch of `kind` comes after what is due by an entry.
fn is_later(entry: Option<&Entry>, kind: DispatchKind) -> bool {
    let rank = |kind| match kind {
        DispatchKind::Submit | DispatchKind::Reconcile => 0,
        DispatchKind::Watch => 1,
        DispatchKind::Cancel => 2,
    };
    entry.is_some_and(|entry| rank(kind) > rank(entry.due))
}
