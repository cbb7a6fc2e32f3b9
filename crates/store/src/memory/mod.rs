//! A store in memory: for simulation and tests, and for engines whose work may die with the process.
//!
//! It has no threads and never waits, so what happens under a single-threaded runtime depends on nothing but the calls.
//! What is committed is "durable" for as long as somebody holds the store: a simulated crash drops the engine and keeps
//! the `Arc`.

mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use newel_asl::timestamp::Timestamp;
use parking_lot::Mutex;

use crate::check::refusal;
use crate::{
    ArnKey, Commit, EntitiesPage, EntityKind, EntityRow, Epoch, Error, ExecutionRow, ExecutionStatus,
    ExecutionsPage, FrameRow, HistoryOrder, HistoryRow, Id, MachineRow, MachinesPage, OpenGroup, OutboxKey,
    OutboxRow, Outcome, Record, Result, RevisionRow, ShardId, Store, TagRow,
};
use tables::Tables;

const FIRST: Timestamp = Timestamp::from_millis(i64::MIN);
const LAST: Timestamp = Timestamp::from_millis(i64::MAX);

/// The contract of [`Store`] kept in memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    /// By shard. Zero is the epoch of a shard that nobody has taken yet, and no owner's.
    epochs: Vec<u64>,
    tables: Tables,
}

impl MemoryStore {
    /// An empty store of that many shards.
    #[must_use]
    pub fn new(shards: u16) -> Self {
        Self { state: Mutex::new(State { epochs: vec![0; usize::from(shards)], tables: Tables::default() }) }
    }

    /// A store of its own with the content that this one has now, as a copy of a disk would have it.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { state: Mutex::new(self.state.lock().clone()) }
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.state.lock().tables)
    }
}

impl State {
    fn commit(&mut self, commit: Commit) -> Outcome {
        let shard_count = u16::try_from(self.epochs.len()).unwrap_or(u16::MAX);
        let current = self.epochs.get(usize::from(commit.shard.0)).copied().unwrap_or(0);
        if let Some(refusal) = refusal(&commit, shard_count) {
            return refusal;
        }
        if current == 0 || current != commit.epoch.0 {
            return Outcome::Fenced;
        }
        match self.tables.apply(commit.shard, commit.ops) {
            Ok(()) => Outcome::Committed,
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn shard_count(&self) -> u16 {
        u16::try_from(self.state.lock().epochs.len()).unwrap_or(u16::MAX)
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Epoch>> {
        let mut state = self.state.lock();
        if let Some(shard) = shards.iter().find(|shard| usize::from(shard.0) >= state.epochs.len()) {
            return Err(Error::no_such_shard(*shard));
        }
        let raise = |shard: &ShardId| {
            let epoch = &mut state.epochs[usize::from(shard.0)];
            *epoch += 1;
            Epoch(*epoch)
        };
        Ok(shards.iter().map(raise).collect())
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Outcome> {
        let mut state = self.state.lock();
        batch.into_iter().map(|commit| state.commit(commit)).collect()
    }

    async fn has_room(&self) -> bool {
        true
    }

    async fn machine(&self, arn: ArnKey) -> Result<Option<MachineRow>> {
        Ok(self.read(|t| t.machine_by_arn.get(&arn).and_then(|id| t.machines.get(id)).cloned()))
    }

    async fn machines(&self, page: MachinesPage) -> Result<Vec<MachineRow>> {
        let key = |at, id| (Arc::clone(&page.account), Arc::clone(&page.region), at, id);
        let from = match page.after {
            Some((at, id)) => Bound::Excluded(key(at, id)),
            None => Bound::Included(key(FIRST, Id::MIN)),
        };
        Ok(self.read(|t| {
            let rows = t.machine_list.range((from, Bound::Included(key(LAST, Id::MAX))));
            rows.filter_map(|((.., id), ())| t.machines.get(id)).take(page.limit).cloned().collect()
        }))
    }

    async fn machine_count(&self, account: &str, region: &str) -> Result<u64> {
        let key = |at, id| (Arc::from(account), Arc::from(region), at, id);
        let count = self.read(|t| t.machine_list.range(key(FIRST, Id::MIN)..=key(LAST, Id::MAX)).count());
        Ok(count as u64)
    }

    async fn entity_count(&self, kind: EntityKind, list: ArnKey) -> Result<u64> {
        let count = self.read(|t| {
            t.entity_list.range((kind, list, FIRST, Id::MIN)..=(kind, list, LAST, Id::MAX)).count()
        });
        Ok(count as u64)
    }

    async fn revision(&self, machine: Id, revision: Id) -> Result<Option<RevisionRow>> {
        let record = self.read(|t| t.revisions.get(&(machine, revision)).cloned());
        Ok(record.map(|record| RevisionRow { machine, id: revision, record }))
    }

    async fn entity(&self, arn: ArnKey) -> Result<Option<EntityRow>> {
        Ok(self.read(|t| t.entity_by_arn.get(&arn).and_then(|id| t.entities.get(id)).cloned()))
    }

    async fn entities(&self, page: EntitiesPage) -> Result<Vec<EntityRow>> {
        let key = |at, id| (page.kind, page.list, at, id);
        let (mut from, mut to) = (Bound::Included(key(FIRST, Id::MIN)), Bound::Included(key(LAST, Id::MAX)));
        let end = if page.newest_first { &mut to } else { &mut from };
        if let Some((at, id)) = page.after {
            *end = Bound::Excluded(key(at, id));
        }
        Ok(self.read(|t| {
            let rows =
                t.entity_list.range((from, to)).filter_map(|((.., id), ())| t.entities.get(id)).cloned();
            if page.newest_first {
                rows.rev().take(page.limit).collect()
            } else {
                rows.take(page.limit).collect()
            }
        }))
    }

    async fn execution(&self, id: Id) -> Result<Option<ExecutionRow>> {
        Ok(self.read(|t| t.executions.get(&id).cloned()))
    }

    async fn execution_by_arn(&self, arn: ArnKey) -> Result<Option<ExecutionRow>> {
        Ok(self.read(|t| t.execution_by_arn.get(&arn).and_then(|id| t.executions.get(id)).cloned()))
    }

    async fn executions(&self, page: ExecutionsPage) -> Result<Vec<ExecutionRow>> {
        Ok(self.read(|t| newest_executions(t, &page)))
    }

    async fn frames(&self, execution: Id) -> Result<Vec<FrameRow>> {
        Ok(self.read(|t| {
            t.frames
                .range((execution, Arc::from(""))..)
                .take_while(|((id, _), _)| *id == execution)
                .map(|((_, path), record)| FrameRow { execution, path: path.clone(), record: record.clone() })
                .collect()
        }))
    }

    async fn history(
        &self,
        execution: Id,
        from: u64,
        order: HistoryOrder,
        limit: usize,
    ) -> Result<Vec<HistoryRow>> {
        let row = |((_, first), (last, record)): (&(Id, u64), &(u64, Record))| HistoryRow {
            execution,
            first: *first,
            last: *last,
            record: record.clone(),
        };
        Ok(self.read(|t| {
            let up_to_from = t.history.range((execution, 0)..=(execution, from));
            match order {
                HistoryOrder::Reverse => up_to_from.rev().take(limit).map(row).collect(),
                HistoryOrder::Forward => {
                    // The row that holds `from` may begin before it.
                    let start = up_to_from.last().map_or(0, |((_, first), _)| *first);
                    t.history
                        .range((execution, start)..=(execution, u64::MAX))
                        .filter(|(_, (last, _))| *last >= from)
                        .take(limit)
                        .map(row)
                        .collect()
                }
            }
        }))
    }

    async fn due(
        &self,
        shard: ShardId,
        until: Timestamp,
        after: Option<(Timestamp, Id)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Id)>> {
        let end = (shard, until, Id::MAX);
        let start = match after {
            // A range that ends before it begins would panic.
            Some((at, _)) if at > until => return Ok(Vec::new()),
            Some((at, id)) => Bound::Excluded((shard, at, id)),
            None => Bound::Included((shard, FIRST, Id::MIN)),
        };
        Ok(self.read(|t| {
            let rows = t.due.range((start, Bound::Included(end)));
            rows.take(limit).map(|((_, at, id), ())| (*at, *id)).collect()
        }))
    }

    async fn outbox(
        &self,
        shard: ShardId,
        after: Option<&OutboxKey>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>> {
        let start = match after {
            Some(key) => Bound::Excluded((shard, Arc::clone(key))),
            None => Bound::Included((shard, Arc::from(&[][..]))),
        };
        Ok(self.read(|t| {
            t.outbox
                .range((start, Bound::Unbounded))
                .take_while(|((of, _), _)| *of == shard)
                .take(limit)
                .map(|((_, key), record)| OutboxRow { shard, key: key.clone(), record: record.clone() })
                .collect()
        }))
    }

    async fn outbox_row(&self, shard: ShardId, key: &OutboxKey) -> Result<Option<OutboxRow>> {
        let record = self.read(|t| t.outbox.get(&(shard, Arc::clone(key))).cloned());
        Ok(record.map(|record| OutboxRow { shard, key: Arc::clone(key), record }))
    }

    async fn expired(&self, shard: ShardId, before: Timestamp, limit: usize) -> Result<Vec<Id>> {
        let span = (shard, FIRST, Id::MIN)..(shard, before, Id::MIN);
        Ok(self.read(|t| t.stopped.range(span).take(limit).map(|((.., id), ())| *id).collect()))
    }

    async fn open_executions(&self, machine: Option<Id>) -> Result<u64> {
        const OPEN: ExecutionStatus = ExecutionStatus::Running;
        let count = self.read(|t| match machine {
            Some(id) => {
                t.execution_list.range((id, OPEN, FIRST, Id::MIN)..=(id, OPEN, LAST, Id::MAX)).count()
            }
            None => t.executions.values().filter(|row| row.status == OPEN).count(),
        });
        Ok(count as u64)
    }

    async fn open_groups(&self, after: Option<Id>, limit: usize) -> Result<Vec<OpenGroup>> {
        let after = after.unwrap_or(Id::MIN);
        Ok(self.read(|t| {
            let mut groups: BTreeMap<Id, OpenGroup> = BTreeMap::new();
            let open = t.executions.values().filter(|row| row.status == ExecutionStatus::Running);
            for row in open.filter(|row| row.machine > after) {
                let empty = || OpenGroup { machine: row.machine, open: 0, record: Arc::clone(&row.record) };
                groups.entry(row.machine).or_insert_with(empty).open += 1;
            }
            groups.into_values().take(limit).collect()
        }))
    }

    async fn tags(&self, resource: ArnKey) -> Result<Vec<TagRow>> {
        Ok(self.read(|t| {
            t.tags
                .range((resource, Arc::from(""))..)
                .take_while(|((of, _), _)| *of == resource)
                .map(|((_, key), value)| TagRow { resource, key: key.clone(), value: value.clone() })
                .collect()
        }))
    }

    async fn setting(&self, name: &str) -> Result<Option<Record>> {
        Ok(self.read(|t| t.settings.get(name).cloned()))
    }

    async fn keep_setting(&self, name: &str, record: Record) -> Result<Record> {
        Ok(self.state.lock().tables.settings.entry(Arc::from(name)).or_insert(record).clone())
    }
}

/// Without a status, the ranges of all of them are merged: the order within each is already right.
fn newest_executions(tables: &Tables, page: &ExecutionsPage) -> Vec<ExecutionRow> {
    let machine = page.filter.machine;
    let statuses = page.filter.status.map_or(ExecutionStatus::ALL.to_vec(), |status| vec![status]);
    let mut keys = Vec::new();
    for status in statuses {
        let end = match page.after {
            Some((at, id)) => Bound::Excluded((machine, status, at, id)),
            None => Bound::Included((machine, status, LAST, Id::MAX)),
        };
        let start = Bound::Included((machine, status, FIRST, Id::MIN));
        let newest = tables.execution_list.range((start, end)).rev().take(page.limit);
        keys.extend(newest.map(|((_, _, at, id), ())| (*at, *id)));
    }
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys.iter().take(page.limit).filter_map(|(_, id)| tables.executions.get(id).cloned()).collect()
}
