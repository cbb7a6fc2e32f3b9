//! Planning: which children begin next, and with what inputs.

use newel_asl::error;
use newel_machine::{Fault, Recipe};
use newel_store::{ExecutionFilter, ExecutionStatus, ExecutionsPage, Id};
use newel_value::Payload;

use super::reading::MOST_AT_HAND;
use super::record::{MapRunRecord, OpenChild, RedriveCursor, RunPlan};
use super::work::Run;
use crate::Error;
use crate::codec::{ExecutionRecord, decode};
use crate::request::Redrivable;

/// Children that are begun before the record is written again.
const PAGE: usize = 200;
/// Bytes of inputs of children that are begun before the record is written again, about.
const PAGE_BYTES: usize = 4 << 20;
/// The lists of children that a redrive goes through.
pub(super) const UNSUCCESSFUL: [ExecutionStatus; 3] =
    [ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted];

impl Run<'_> {
    /// Plans as many children as there is room for.
    pub(super) async fn fill(&mut self) -> Result<(), Error> {
        let mut room = self.record.room(self.inner.limits.map_run_concurrency).min(PAGE);
        while room > 0 && self.record.redrive.is_some() {
            room -= self.plan_redrives(room).await?;
        }
        if let Err(fault) = self.plan_children(room) {
            self.fail(fault);
        }
        Ok(())
    }

    fn plan_children(&mut self, room: usize) -> Result<(), Fault> {
        let mut bytes = 0;
        let mut room = room;
        while room > 0
            && let Some(child) = self.record.never_begun.pop()
        {
            self.changed = true;
            let input = self.input_again(child)?;
            self.open(OpenChild { redrives: 0, ..child });
            self.due.begin.push((child, input));
            room -= 1;
        }
        self.short_of_items = false;
        while room > 0 && bytes < PAGE_BYTES {
            let (first, index) = (self.record.next_item, self.record.next_child);
            let Some((child, input)) = self.next_child(first, index)? else {
                self.short_of_items = true;
                break;
            };
            bytes += input.text().len();
            self.record.next_item += u64::from(child.count);
            self.record.next_child += 1;
            self.open(child);
            self.due.begin.push((child, input));
            room -= 1;
        }
        Ok(())
    }

    /// The `index`-th child and its input, of as many items from `first` on as it takes; `None` if there are none, or if more
    /// have to be read to tell.
    pub(super) fn next_child(&self, first: u64, index: u32) -> Result<Option<(OpenChild, Payload)>, Fault> {
        let mut most = if self.plan.settings.batch.is_some() { 256 } else { 1 };
        loop {
            let items = self.items.at(first, most);
            let all = items.len() < most;
            let no_more = self.record.all_read() || self.items.bytes_from(first) >= MOST_AT_HAND;
            let made = self.with_recipe(|recipe| recipe.next(&items, first, all && no_more))?;
            if made.is_some() || all {
                let child = |count| OpenChild { index, first, count, redrives: 0 };
                return Ok(made.map(|(count, input)| (child(count), input)));
            }
            most *= 4;
        }
    }

    pub(super) fn input_again(&self, child: OpenChild) -> Result<Payload, Fault> {
        let items = self.items.at(child.first, usize::try_from(child.count).unwrap_or(1));
        self.with_recipe(|recipe| recipe.again(&items, child.first))
    }

    /// Makes inputs with what the definition says of them.
    fn with_recipe<T>(&self, make: impl FnOnce(&Recipe<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let Some((state, ..)) = self.compiled.plan.distributed_map(&self.record.state) else {
            let cause = "The definition has no such state".into();
            return Err(Fault { error: Some(error::RUNTIME.into()), cause: Some(cause) });
        };
        let random = || self.inner.env.random();
        let now = self.inner.env.now();
        let RunPlan { settings, scope, .. } = &self.plan;
        make(&Recipe { settings, scope, state, limits: &self.inner.limits, random: &random, now })
    }

    pub(super) fn open(&mut self, child: OpenChild) {
        let place = self.record.open.partition_point(|open| open.index < child.index);
        self.record.open.insert(place, child);
        self.changed = true;
    }

    /// Plans the redrive of children that didn't succeed; gives how many.
    async fn plan_redrives(&mut self, room: usize) -> Result<usize, Error> {
        let Some(cursor) = self.record.redrive else { return Ok(0) };
        self.changed = true;
        let Some(status) = UNSUCCESSFUL.get(usize::from(cursor.list)).copied() else {
            self.record.redrive = None;
            return Ok(0);
        };
        let filter = ExecutionFilter { machine: self.id, status: Some(status) };
        let after = Some(cursor.after);
        let rows = self.inner.store.executions(ExecutionsPage { filter, after, limit: room }).await?;
        let Some(last) = rows.last() else {
            let list = cursor.list + 1;
            self.record.redrive = Some(RedriveCursor { list, after: self.record.redrive_from() });
            return Ok(0);
        };
        self.record.redrive = Some(RedriveCursor { after: (last.sort_at, last.id), ..cursor });
        let mut planned = 0;
        for row in rows {
            let record: ExecutionRecord = decode(&row.record)?;
            let Some(child) = &record.child else { continue };
            let refused = self.inner.redrivable_child(&row, &record) != Redrivable::Yes;
            let unless = refused.then_some(status);
            self.record.children.redriven(1, unless);
            self.record.items.redriven(u64::from(child.items), unless);
            if !refused {
                let redrives = record.redrives.count + 1;
                let open = OpenChild { index: child.index, first: 0, count: child.items, redrives };
                self.open(open);
                self.due.redrive.push((open, row.id));
                planned += 1;
            }
        }
        Ok(planned)
    }
}

impl MapRunRecord {
    /// What children that a redrive takes up stopped before: lists are read from there, newest first.
    pub(super) fn redrive_from(&self) -> (newel_asl::Timestamp, Id) {
        (self.redriven_at.unwrap_or(self.started_at), Id::MIN)
    }
}
