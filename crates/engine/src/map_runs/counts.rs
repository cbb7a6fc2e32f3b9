//! The counts of a map run, kept for its items and for its children.

use newel_store::ExecutionStatus;
use serde::{Deserialize, Serialize};

use super::record::{MapRunRecord, MapRunStatus};
use crate::request::MapRunCounts;

/// What has come of items or children. Those that are open or haven't begun are told by the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    pub(super) aborted: u64,
    /// Of the last three, those that a redrive couldn't take up.
    pub(super) not_redrivable: u64,
    /// Those that wait to be redriven.
    pub(super) pending_redrive: u64,
}

impl Counts {
    /// Counts what closed in a status.
    pub(super) fn closed(&mut self, status: ExecutionStatus, number: u64) {
        match status {
            ExecutionStatus::Succeeded => self.succeeded += number,
            ExecutionStatus::Failed => self.failed += number,
            ExecutionStatus::TimedOut => self.timed_out += number,
            ExecutionStatus::Aborted => self.aborted += number,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => {}
        }
    }

    /// All that didn't succeed waits to be redriven.
    pub(super) fn begin_redrive(&mut self) {
        self.pending_redrive += self.failed + self.timed_out + self.aborted;
        (self.failed, self.timed_out, self.aborted, self.not_redrivable) = (0, 0, 0, 0);
    }

    /// Some that waited to be redriven go on, or, when they may not, are again what they were.
    pub(super) fn redriven(&mut self, number: u64, unless: Option<ExecutionStatus>) {
        self.pending_redrive = self.pending_redrive.saturating_sub(number);
        if let Some(status) = unless {
            self.closed(status, number);
            self.not_redrivable += number;
        }
    }

    fn shown(&self, running: u64, pending: u64, status: MapRunStatus) -> MapRunCounts {
        let Self { succeeded, failed, timed_out, aborted, not_redrivable, pending_redrive } = *self;
        MapRunCounts {
            pending,
            running,
            succeeded,
            failed,
            timed_out,
            aborted,
            total: pending + running + succeeded + failed + timed_out + aborted + pending_redrive,
            results_written: if status == MapRunStatus::Succeeded { succeeded } else { 0 },
            failures_not_redrivable: not_redrivable,
            pending_redrive,
        }
    }
}

impl MapRunRecord {
    /// `itemCounts`
    pub(super) fn item_counts(&self) -> MapRunCounts {
        let of = |children: &[super::record::OpenChild]| {
            children.iter().map(|child| u64::from(child.count)).sum::<u64>()
        };
        let pending = self.total.saturating_sub(self.next_item) + of(&self.never_begun);
        self.items.shown(of(&self.open), pending, self.status)
    }

    /// `executionCounts`. How many children the items that are left make is only known where they have a number each.
    pub(super) fn child_counts(&self) -> MapRunCounts {
        let of = |children: &[super::record::OpenChild]| u64::try_from(children.len()).unwrap_or(u64::MAX);
        let left = self.total.saturating_sub(self.next_item);
        let pending = left.div_ceil(self.batched.unwrap_or(1).max(1)) + of(&self.never_begun);
        self.children.shown(of(&self.open), pending, self.status)
    }
}
