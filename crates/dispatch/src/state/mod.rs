//! What is outstanding, where it is, and where it goes next.
//!
//! The state decides and remembers; it calls nobody, and nothing here waits. Whoever changes it carries out the
//! [`Effect`]s that it leaves behind. Tables are walked in a fixed order, so the same calls give the same decisions.
//!
//! Every outstanding attempt has one [`Entry`]. Queues hold tickets: an entry gets a new one whenever it is queued
//! afresh, which voids its older places in queues without searching them.
//!
//! Invariants:
//! * DSP-1: a submit goes to at most one session as a submit; sent again, it is a reconcile.
//! * DSP-2: submits and reconciles sent to a session never exceed the credit it gave, in count and bytes (but for one
//!   that is larger than all the credit a session ever has, and goes alone).
//! * DSP-3: an entry ends only by a settled report, by the engine's word, or by having nothing due any more.
//! * DSP-4: a cancel ends only by a settled `Cancelled`.

mod accept;
mod assign;
mod sessions;
mod settle;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, TaskId};
use newel_value::Str;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

pub(crate) use sessions::{Greeting, Introduction};
pub(crate) use settle::{Ack, ReportKind, Standing};

/// What a dispatch takes beside its parameters, roughly.
const DISPATCH_OVERHEAD: usize = 512;

/// An open session, or one that was. Numbers aren't used again.
pub(crate) type SessionId = u64;
/// A family's place in the table.
pub(crate) type FamilyId = usize;
/// See the module.
pub(crate) type Ticket = u64;
type Queue = VecDeque<(Ticket, TaskId)>;

/// Bounds of the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) queued_body_bytes: usize,
    pub(crate) body_reads: usize,
    pub(crate) session_outbox: usize,
}

/// What is to be done outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Read a dispatch again, and hand it to [`State::read`].
    Read { family: FamilyId, task: TaskId, kind: DispatchKind, ticket: Ticket },
    /// Report the attempt cancelled: it was never sent to anybody.
    NeverBegun(TaskId),
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In one of its family's queues.
    Waiting,
    /// In a session's outbox.
    Assigned(SessionId),
    /// With a session that is open, or was.
    Sent(SessionId),
    /// Its job is durably submitted; a watch may follow.
    Started(SessionId),
    /// Being reported cancelled by the orchestrator itself.
    Settling,
}

#[derive(Debug)]
struct Entry {
    family: FamilyId,
    due: DispatchKind,
    place: Place,
    /// What to send; absent once sent, and while memory is short.
    body: Option<Arc<Dispatch>>,
    ticket: Ticket,
    /// Whether the body is being read.
    reading: bool,
    /// Whether a submitted job's end comes by its task token, so that no watch follows.
    callback: bool,
}

impl Entry {
    /// The session that may know about the attempt.
    fn holder(&self) -> Option<SessionId> {
        match self.place {
            Place::Sent(session) | Place::Started(session) => Some(session),
            Place::Waiting | Place::Assigned(_) | Place::Settling => None,
        }
    }

    const fn needs_credit(&self) -> bool {
        matches!(self.due, DispatchKind::Submit | DispatchKind::Reconcile)
    }

    /// What of a session's credit is spoken for, though nothing was sent.
    fn charge(&self) -> Option<(SessionId, u64)> {
        let Place::Assigned(session) = self.place else { return None };
        let bytes = self.body.as_deref().map_or(0, parameter_bytes);
        self.needs_credit().then_some((session, bytes as u64))
    }

    fn body_bytes(&self) -> usize {
        self.body.as_deref().map_or(0, body_bytes)
    }
}

#[derive(Debug)]
struct Family {
    name: Str,
    /// Submits and reconciles, which wait for credit, in order of arrival.
    paid: Queue,
    /// Watches and cancels, which wait for any session at all.
    free: Queue,
    reading: usize,
    body_bytes: usize,
    waiting: usize,
    outstanding: usize,
    sent: u64,
    acknowledged: u64,
}

#[derive(Debug)]
struct Session {
    family: FamilyId,
    worker: Str,
    count_credit: i64,
    byte_credit: i64,
    /// The most bytes of credit there were at once.
    most_bytes: i64,
    draining: bool,
    outbox: Queue,
    submits: usize,
    watches: usize,
    acks: VecDeque<Ack>,
    drops: Vec<TaskId>,
    wake: Arc<Notify>,
}

/// A session that is lost, whose attempts wait for its worker to come back.
#[derive(Debug)]
struct Departed {
    family: FamilyId,
    worker: Str,
}

/// What goes to a session next.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) acks: Vec<Ack>,
    pub(crate) drops: Vec<TaskId>,
    pub(crate) dispatches: Vec<(DispatchKind, Arc<Dispatch>)>,
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.acks.is_empty() && self.drops.is_empty() && self.dispatches.is_empty()
    }
}

/// A family's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyStats {
    /// The family.
    pub family: Str,
    /// Open sessions.
    pub sessions: usize,
    /// Attempts that wait for a session, or for credit.
    pub queued: usize,
    /// Attempts that aren't settled, the queued ones included.
    pub outstanding: usize,
    /// Bytes of the queued dispatches that are in memory.
    pub queued_body_bytes: usize,
    /// Dispatches sent since the start.
    pub sent: u64,
    /// Reports acknowledged since the start.
    pub acknowledged: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    limits: Limits,
    tasks: FxHashMap<TaskId, Entry>,
    families: Vec<Family>,
    names: BTreeMap<Str, FamilyId>,
    sessions: BTreeMap<SessionId, Session>,
    departed: BTreeMap<SessionId, Departed>,
    /// Attempts that sessions hold and that nobody dispatched since the orchestrator started.
    claims: FxHashMap<TaskId, SessionId>,
    last_session: SessionId,
    last_ticket: Ticket,
    effects: Vec<Effect>,
}

impl State {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            tasks: FxHashMap::default(),
            families: Vec::new(),
            names: BTreeMap::new(),
            sessions: BTreeMap::new(),
            departed: BTreeMap::new(),
            claims: FxHashMap::default(),
            last_session: 0,
            last_ticket: 0,
            effects: Vec::new(),
        }
    }

    /// What is to be done outside since the last time.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The figures of every family, by name.
    pub(crate) fn stats(&self) -> Vec<FamilyStats> {
        let sessions = |id| self.sessions.values().filter(|session| session.family == id).count();
        let stats = |id: FamilyId, family: &Family| FamilyStats {
            family: Arc::clone(&family.name),
            sessions: sessions(id),
            queued: family.waiting,
            outstanding: family.outstanding,
            queued_body_bytes: family.body_bytes,
            sent: family.sent,
            acknowledged: family.acknowledged,
        };
        self.names.values().map(|id| stats(*id, &self.families[*id])).collect()
    }

    fn family(&mut self, name: &Str) -> FamilyId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = self.families.len();
        self.names.insert(Arc::clone(name), id);
        self.families.push(Family {
            name: Arc::clone(name),
            paid: Queue::new(),
            free: Queue::new(),
            reading: 0,
            body_bytes: 0,
            waiting: 0,
            outstanding: 0,
            sent: 0,
            acknowledged: 0,
        });
        id
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        self.last_ticket
    }

    fn is_open(&self, session: SessionId, family: FamilyId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.family == family)
    }

    /// The entry that a queue's place stands for, unless the place is void.
    fn queued(&self, ticket: Ticket, task: &TaskId) -> Option<&Entry> {
        self.tasks.get(task).filter(|entry| entry.ticket == ticket)
    }

    fn insert(&mut self, task: TaskId, entry: Entry) {
        tally(&mut self.families, &mut self.sessions, &entry, true);
        self.tasks.insert(task, entry);
    }

    /// Changes an entry, and the figures with it. A session that was to get it and doesn't has its credit back.
    fn alter(&mut self, task: &TaskId, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.tasks.get_mut(task) else { return };
        tally(&mut self.families, &mut self.sessions, entry, false);
        let charge = entry.charge();
        change(entry);
        tally(&mut self.families, &mut self.sessions, entry, true);
        if let Some((session, bytes)) = charge
            && entry.place != Place::Assigned(session)
            && entry.place != Place::Sent(session)
        {
            self.refund(session, bytes);
        }
    }

    fn remove(&mut self, task: &TaskId) {
        let Some(entry) = self.tasks.remove(task) else { return };
        tally(&mut self.families, &mut self.sessions, &entry, false);
        if let Some((session, bytes)) = entry.charge() {
            self.refund(session, bytes);
        }
    }

    fn refund(&mut self, session: SessionId, bytes: u64) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.grant(1, bytes);
        }
    }

    /// The body, if there is room in memory for it.
    fn fitting(&self, family: FamilyId, body: Arc<Dispatch>) -> Option<Arc<Dispatch>> {
        let held = self.families[family].body_bytes;
        (held.saturating_add(body_bytes(&body)) <= self.limits.queued_body_bytes).then_some(body)
    }
}

/// Adds an entry to the figures, or takes it out.
fn tally(families: &mut [Family], sessions: &mut BTreeMap<SessionId, Session>, entry: &Entry, add: bool) {
    let step = |figure: &mut usize, by: usize| {
        *figure = if add { *figure + by } else { figure.saturating_sub(by) };
    };
    let family = &mut families[entry.family];
    step(&mut family.outstanding, 1);
    step(&mut family.waiting, usize::from(entry.place == Place::Waiting));
    step(&mut family.body_bytes, entry.body_bytes());
    let (Place::Assigned(session) | Place::Sent(session)) = entry.place else { return };
    let Some(session) = sessions.get_mut(&session) else { return };
    match entry.due {
        DispatchKind::Submit | DispatchKind::Reconcile => step(&mut session.submits, 1),
        DispatchKind::Watch => step(&mut session.watches, 1),
        DispatchKind::Cancel => {}
    }
}

/// Bytes of a dispatch's parameters: what it takes of a session's credit.
fn parameter_bytes(dispatch: &Dispatch) -> usize {
    dispatch.parameters.as_ref().map_or(0, |parameters| parameters.text().len())
}

fn body_bytes(dispatch: &Dispatch) -> usize {
    DISPATCH_OVERHEAD + parameter_bytes(dispatch)
}
