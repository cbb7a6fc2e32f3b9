//! Reports: whether they may be made, and what a settled one ends.

use newel_engine::{DispatchKind, TaskId};
use newel_value::Str;

use super::{Place, SessionId, State};
use crate::reports::Slot;

/// The kinds of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportKind {
    Submitted,
    Heartbeat,
    Succeeded,
    Failed,
    Cancelled,
}

/// An acknowledgement on its way to a session.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) task: TaskId,
    pub(crate) kind: ReportKind,
    pub(crate) stale: bool,
    /// Lets another report of the session in when this is dropped, having been sent.
    pub(crate) _slot: Option<Slot>,
}

/// Whether a family may report about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was dispatched to that family.
    Known,
    /// Nobody dispatched it since the orchestrator started.
    Unknown,
    /// It was dispatched to another family.
    Foreign,
}

impl State {
    /// Whether a family may report about an attempt.
    pub(crate) fn standing(&self, family: &Str, task: &TaskId) -> Standing {
        match self.tasks.get(task) {
            None => Standing::Unknown,
            Some(entry) if self.families[entry.family].name == *family => Standing::Known,
            Some(_) => Standing::Foreign,
        }
    }

    /// A report of `reporter` (none if it is the orchestrator's own) is durable, or stale.
    pub(crate) fn settled(
        &mut self,
        reporter: Option<SessionId>,
        task: &TaskId,
        kind: ReportKind,
        stale: bool,
    ) {
        let ends = stale || !matches!(kind, ReportKind::Submitted | ReportKind::Heartbeat);
        if ends {
            self.claims.remove(task);
        }
        let Some(entry) = self.tasks.get(task) else { return };
        let (family, holder) = (entry.family, entry.holder());
        let over = kind == ReportKind::Cancelled || (ends && entry.due != DispatchKind::Cancel);
        let started = kind == ReportKind::Submitted && entry.needs_credit();
        if over || (started && entry.callback) {
            self.remove(task);
        } else if let (true, Some(session)) = (started, reporter) {
            let ticket = self.ticket();
            self.alter(task, |entry| {
                (entry.place, entry.ticket) = (Place::Started(session), ticket);
                (entry.body, entry.reading) = (None, false);
            });
        } else {
            return;
        }
        // Two sessions may have held it, one of them as a reconcile.
        if let Some(holder) = holder.filter(|holder| Some(*holder) != reporter) {
            self.drop_from(holder, task);
        }
        self.assign(family);
    }
}
