//! What every backend refuses before it touches a row.

use crate::{Commit, Id, Op, Outcome, Rejection};

/// The largest record that is taken, in bytes. It is far above what the engine's limits let through, and below what
/// any of the backends can hold in one column.
pub(crate) const MAX_RECORD_BYTES: usize = 512 * 1024 * 1024;

/// The outcome of a commit that no backend would take, whatever is stored.
pub(crate) fn refusal(commit: &Commit, shard_count: u16) -> Option<Outcome> {
    if commit.shard.0 >= shard_count {
        return unacceptable(format!("there is no shard {}", commit.shard.0));
    }
    commit.ops.iter().find_map(|op| refused_op(commit, op, shard_count))
}

fn refused_op(commit: &Commit, op: &Op, shard_count: u16) -> Option<Outcome> {
    if let Some(id) = owner(op)
        && id.shard() != commit.shard
    {
        return unacceptable(format!("{id} belongs to shard {}, not {}", id.shard().0, commit.shard.0));
    }
    let bytes = record_bytes(op);
    if bytes > MAX_RECORD_BYTES {
        return unacceptable(format!("a record of {bytes} bytes is too large"));
    }
    match op {
        Op::AppendHistory(row) if row.first > row.last || i64::try_from(row.last).is_err() => {
            unacceptable(format!("there are no events {} to {}", row.first, row.last))
        }
        Op::PutOutbox(row) if row.shard.0 >= shard_count => {
            unacceptable(format!("there is no shard {}", row.shard.0))
        }
        _ => None,
    }
}

/// The entity whose shard must be the commit's, if the change is one of an entity.
fn owner(op: &Op) -> Option<Id> {
    match op {
        Op::InsertExecution(row) | Op::UpdateExecution(row) => Some(row.id),
        Op::InsertMachine(row) | Op::UpdateMachine(row) => Some(row.id),
        Op::InsertEntity(row) | Op::UpdateEntity(row) => Some(row.id),
        Op::DeleteEntity(id) => Some(*id),
        Op::DeleteExecution(id) | Op::DeleteFrames(id) | Op::DeleteFrame(id, _) | Op::DeleteMachine(id) => {
            Some(*id)
        }
        Op::PutFrame(row) => Some(row.execution),
        Op::AppendHistory(row) => Some(row.execution),
        Op::InsertRevision(row) => Some(row.machine),
        Op::PutOutbox(_) | Op::DeleteOutbox(_) | Op::PutTag(_) | Op::DeleteTag(..) => None,
    }
}

/// How many bytes of record a change brings.
pub(crate) fn record_bytes(op: &Op) -> usize {
    match op {
        Op::InsertExecution(row) | Op::UpdateExecution(row) => row.record.len(),
        Op::InsertMachine(row) | Op::UpdateMachine(row) => row.record.len(),
        Op::InsertEntity(row) | Op::UpdateEntity(row) => row.record.len(),
        Op::PutFrame(row) => row.record.len(),
        Op::AppendHistory(row) => row.record.len(),
        Op::InsertRevision(row) => row.record.len(),
        Op::PutOutbox(row) => row.record.len(),
        Op::PutTag(row) => row.value.len(),
        Op::DeleteExecution(_) | Op::DeleteFrames(_) | Op::DeleteFrame(..) | Op::DeleteMachine(_) => 0,
        Op::DeleteEntity(_) | Op::DeleteOutbox(_) | Op::DeleteTag(..) => 0,
    }
}

fn unacceptable(why: String) -> Option<Outcome> {
    Some(Outcome::Rejected(Rejection::Unacceptable(why)))
}
