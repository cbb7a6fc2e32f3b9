//! The rows in memory, their indexes, and changes that can be taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use newel_asl::timestamp::Timestamp;

use crate::{
    ArnKey, EntityKind, EntityRow, ExecutionRow, ExecutionStatus, Id, MachineRow, Op, OutboxKey, Record,
    Rejection, ShardId,
};

/// An index has keys only.
type Index<K> = BTreeMap<K, ()>;

/// Everything that is stored but the epochs. Ordered maps only: what a read gives must not depend on hashing.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) machines: BTreeMap<Id, MachineRow>,
    pub(super) machine_by_arn: BTreeMap<ArnKey, Id>,
    pub(super) machine_list: Index<(Arc<str>, Arc<str>, Timestamp, Id)>,
    pub(super) revisions: BTreeMap<(Id, Id), Record>,
    pub(super) entities: BTreeMap<Id, EntityRow>,
    pub(super) entity_by_arn: BTreeMap<ArnKey, Id>,
    pub(super) entity_list: Index<(EntityKind, ArnKey, Timestamp, Id)>,
    pub(super) executions: BTreeMap<Id, ExecutionRow>,
    pub(super) execution_by_arn: BTreeMap<ArnKey, Id>,
    pub(super) execution_list: Index<(Id, ExecutionStatus, Timestamp, Id)>,
    pub(super) due: Index<(ShardId, Timestamp, Id)>,
    pub(super) stopped: Index<(ShardId, Timestamp, Id)>,
    pub(super) frames: BTreeMap<(Id, Arc<str>), Record>,
    /// By execution and first event: the last event and the record.
    pub(super) history: BTreeMap<(Id, u64), (u64, Record)>,
    pub(super) outbox: BTreeMap<(ShardId, OutboxKey), Record>,
    pub(super) tags: BTreeMap<(ArnKey, Arc<str>), Arc<str>>,
    pub(super) settings: BTreeMap<Arc<str>, Record>,
}

impl Tables {
    /// Applies the changes in order: all of them, or none.
    pub(super) fn apply(&mut self, shard: ShardId, ops: Vec<Op>) -> Result<(), Rejection> {
        let mut change = Change { tables: self, shard, undo: Vec::new() };
        let result = ops.into_iter().try_for_each(|op| change.apply(op));
        if result.is_err() {
            change.take_back();
        }
        result
    }
}

/// How to reach a map of the tables.
type Pick<K, V> = fn(&mut Tables) -> &mut BTreeMap<K, V>;

/// Takes one step back.
type Undo = Box<dyn FnOnce(&mut Tables)>;

/// A change in progress, with the way back.
struct Change<'a> {
    tables: &'a mut Tables,
    shard: ShardId,
    undo: Vec<Undo>,
}

impl Change<'_> {
    /// Sets or removes one entry; every change of a table goes through here. Gives what was there.
    fn set<K, V>(&mut self, pick: Pick<K, V>, key: K, value: Option<V>) -> Option<V>
    where
        K: Ord + Clone + 'static,
        V: Clone + 'static,
    {
        let old = replace(pick(self.tables), key.clone(), value);
        let before = old.clone();
        self.undo.push(Box::new(move |tables| {
            replace(pick(tables), key, before);
        }));
        old
    }

    fn add<K, V>(&mut self, pick: Pick<K, V>, key: K, value: V) -> Result<(), Rejection>
    where
        K: Ord + Clone + 'static,
        V: Clone + 'static,
    {
        match self.set(pick, key, Some(value)) {
            None => Ok(()),
            Some(_) => Err(Rejection::Exists),
        }
    }

    fn take_back(self) {
        for undo in self.undo.into_iter().rev() {
            undo(self.tables);
        }
    }

    fn apply(&mut self, op: Op) -> Result<(), Rejection> {
        match op {
            Op::InsertExecution(row) => self.insert_execution(row)?,
            Op::UpdateExecution(row) => self.update_execution(row)?,
            Op::DeleteExecution(id) => self.delete_execution(id),
            Op::PutFrame(row) => {
                self.set(|t| &mut t.frames, (row.execution, row.path), Some(row.record));
            }
            Op::DeleteFrame(execution, path) => {
                self.set(|t| &mut t.frames, (execution, path), None);
            }
            Op::DeleteFrames(execution) => self.delete_frames(execution),
            Op::AppendHistory(row) => {
                self.add(|t| &mut t.history, (row.execution, row.first), (row.last, row.record))?;
            }
            Op::InsertMachine(row) => self.insert_machine(row)?,
            Op::UpdateMachine(row) => self.update_machine(row)?,
            Op::DeleteMachine(id) => self.delete_machine(id),
            Op::InsertRevision(row) => self.add(|t| &mut t.revisions, (row.machine, row.id), row.record)?,
            Op::InsertEntity(row) => self.insert_entity(row)?,
            Op::UpdateEntity(row) => self.update_entity(row)?,
            Op::DeleteEntity(id) => self.delete_entity(id),
            Op::PutOutbox(row) => {
                self.set(|t| &mut t.outbox, (row.shard, row.key), Some(row.record));
            }
            Op::DeleteOutbox(key) => {
                self.set(|t| &mut t.outbox, (self.shard, key), None);
            }
            Op::PutTag(row) => {
                self.set(|t| &mut t.tags, (row.resource, row.key), Some(row.value));
            }
            Op::DeleteTag(resource, key) => {
                self.set(|t| &mut t.tags, (resource, key), None);
            }
        }
        Ok(())
    }

    fn insert_execution(&mut self, row: ExecutionRow) -> Result<(), Rejection> {
        self.add(|t| &mut t.execution_by_arn, row.arn, row.id)?;
        self.index_execution(&row, true);
        self.add(|t| &mut t.executions, row.id, row)
    }

    fn update_execution(&mut self, row: ExecutionRow) -> Result<(), Rejection> {
        let Some(old) = self.tables.executions.get(&row.id).cloned() else {
            return Err(missing("execution", row.id));
        };
        if (old.arn, old.machine) != (row.arn, row.machine) {
            return Err(missing("execution", row.id));
        }
        self.index_execution(&old, false);
        self.index_execution(&row, true);
        self.set(|t| &mut t.executions, row.id, Some(row));
        Ok(())
    }

    fn delete_execution(&mut self, id: Id) {
        if let Some(old) = self.set(|t| &mut t.executions, id, None) {
            self.set(|t| &mut t.execution_by_arn, old.arn, None);
            self.index_execution(&old, false);
        }
        self.delete_frames(id);
        let rows: Vec<u64> =
            self.tables.history.range((id, 0)..=(id, u64::MAX)).map(|((_, first), _)| *first).collect();
        for first in rows {
            self.set(|t| &mut t.history, (id, first), None);
        }
    }

    fn index_execution(&mut self, row: &ExecutionRow, present: bool) {
        let entry = present.then_some(());
        self.set(|t| &mut t.execution_list, (row.machine, row.status, row.sort_at, row.id), entry);
        if let Some(at) = row.wake_at {
            self.set(|t| &mut t.due, (row.id.shard(), at, row.id), entry);
        }
        if let Some(at) = row.stopped_at {
            self.set(|t| &mut t.stopped, (row.id.shard(), at, row.id), entry);
        }
    }

    fn delete_frames(&mut self, execution: Id) {
        let paths: Vec<Arc<str>> = self
            .tables
            .frames
            .range((execution, Arc::from(""))..)
            .take_while(|((id, _), _)| *id == execution)
            .map(|((_, path), _)| Arc::clone(path))
            .collect();
        for path in paths {
            self.set(|t| &mut t.frames, (execution, path), None);
        }
    }

    fn insert_machine(&mut self, row: MachineRow) -> Result<(), Rejection> {
        self.add(|t| &mut t.machine_by_arn, row.arn, row.id)?;
        self.add(|t| &mut t.machine_list, list_key(&row), ())?;
        self.add(|t| &mut t.machines, row.id, row)
    }

    fn update_machine(&mut self, row: MachineRow) -> Result<(), Rejection> {
        let Some(old) = self.tables.machines.get(&row.id) else {
            return Err(missing("state machine", row.id));
        };
        if old.arn != row.arn || list_key(old) != list_key(&row) {
            return Err(missing("state machine", row.id));
        }
        self.set(|t| &mut t.machines, row.id, Some(row));
        Ok(())
    }

    fn delete_machine(&mut self, id: Id) {
        if let Some(old) = self.set(|t| &mut t.machines, id, None) {
            self.set(|t| &mut t.machine_by_arn, old.arn, None);
            self.set(|t| &mut t.machine_list, list_key(&old), None);
        }
    }

    fn insert_entity(&mut self, row: EntityRow) -> Result<(), Rejection> {
        self.add(|t| &mut t.entity_by_arn, row.arn, row.id)?;
        self.add(|t| &mut t.entity_list, entity_key(&row), ())?;
        self.add(|t| &mut t.entities, row.id, row)
    }

    fn update_entity(&mut self, row: EntityRow) -> Result<(), Rejection> {
        let known = self.tables.entities.get(&row.id);
        if known.is_none_or(|old| old.arn != row.arn || entity_key(old) != entity_key(&row)) {
            return Err(missing("entity", row.id));
        }
        self.set(|t| &mut t.entities, row.id, Some(row));
        Ok(())
    }

    fn delete_entity(&mut self, id: Id) {
        if let Some(old) = self.set(|t| &mut t.entities, id, None) {
            self.set(|t| &mut t.entity_by_arn, old.arn, None);
            self.set(|t| &mut t.entity_list, entity_key(&old), None);
        }
    }
}

fn entity_key(row: &EntityRow) -> (EntityKind, ArnKey, Timestamp, Id) {
    (row.kind, row.list, row.created_at, row.id)
}

fn replace<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

fn list_key(row: &MachineRow) -> (Arc<str>, Arc<str>, Timestamp, Id) {
    (Arc::clone(&row.account), Arc::clone(&row.region), row.created_at, row.id)
}

/// The row to update isn't there under that identity.
fn missing(what: &str, id: Id) -> Rejection {
    Rejection::Unacceptable(format!("there is no such {what} to update: {id}"))
}
