//! One commit's changes as SQL.

use rusqlite::{Connection, ErrorCode, Params};

use super::convert::clamped;
use crate::{
    Commit, EntityRow, ExecutionRow, ExecutionStatus, MachineRow, Op, OutboxKey, Outcome, Rejection, ShardId,
};

/// Why a commit can't stay in its transaction.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The commit is at fault, and has left changes that must be rolled back.
    Refused(Rejection),
    /// The database is at fault.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Refused(Rejection::Full),
            Some(ErrorCode::ConstraintViolation) => Self::Refused(Rejection::Exists),
            Some(ErrorCode::TooBig) => Self::Refused(Rejection::Unacceptable(error.to_string())),
            _ => Self::Failed(error),
        }
    }
}

type Applied<T = ()> = std::result::Result<T, Trouble>;

/// Applies a commit whose epoch has been checked. `Ok` leaves the transaction whole: either all changes are in it, or
/// the very first one met a row that mustn't be there and none is.
pub(super) fn apply(connection: &Connection, commit: &Commit) -> Applied<Outcome> {
    let db = Db { connection, shard: commit.shard };
    for (position, op) in commit.ops.iter().enumerate() {
        if !db.apply(op)? {
            let exists = Rejection::Exists;
            // Nothing to roll back yet: the usual case, a second start under the same name, costs the others nothing.
            return if position == 0 { Ok(Outcome::Rejected(exists)) } else { Err(Trouble::Refused(exists)) };
        }
    }
    Ok(Outcome::Committed)
}

struct Db<'a> {
    connection: &'a Connection,
    shard: ShardId,
}

impl Db<'_> {
    /// Runs a statement and gives the number of rows that it changed.
    fn run(&self, sql: &str, params: impl Params) -> Applied<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Applies one change. `false` means that a new row is there already, and that nothing was changed.
    fn apply(&self, op: &Op) -> Applied<bool> {
        match op {
            Op::InsertExecution(row) => return self.insert_execution(row),
            Op::InsertMachine(row) => return self.insert_machine(row),
            Op::InsertEntity(row) => return self.insert_entity(row),
            Op::InsertRevision(row) => {
                let sql =
                    "INSERT INTO revisions (machine, id, record) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
                return Ok(self.run(sql, (row.machine, row.id, &*row.record))? == 1);
            }
            Op::UpdateExecution(row) => self.update_execution(row)?,
            Op::UpdateMachine(row) => self.update_machine(row)?,
            Op::UpdateEntity(row) => self.update_entity(row)?,
            Op::DeleteEntity(id) => {
                self.run("DELETE FROM entities WHERE id = ?1", (id,))?;
            }
            Op::DeleteExecution(id) => {
                for sql in [
                    "DELETE FROM executions WHERE id = ?1",
                    "DELETE FROM frames WHERE execution = ?1",
                    "DELETE FROM history WHERE execution = ?1",
                ] {
                    self.run(sql, (id,))?;
                }
            }
            Op::PutFrame(row) => {
                let sql = "INSERT INTO frames (execution, path, record) VALUES (?1, ?2, ?3) \
                           ON CONFLICT (execution, path) DO UPDATE SET record = excluded.record";
                self.run(sql, (row.execution, &*row.path, &*row.record))?;
            }
            Op::DeleteFrame(execution, path) => {
                self.run("DELETE FROM frames WHERE execution = ?1 AND path = ?2", (execution, &**path))?;
            }
            Op::DeleteFrames(execution) => {
                self.run("DELETE FROM frames WHERE execution = ?1", (execution,))?;
            }
            Op::AppendHistory(row) => {
                let sql = "INSERT INTO history (execution, first, last, record) VALUES (?1, ?2, ?3, ?4)";
                self.run(sql, (row.execution, clamped(row.first), clamped(row.last), &*row.record))?;
            }
            Op::DeleteMachine(id) => {
                self.run("DELETE FROM machines WHERE id = ?1", (id,))?;
            }
            Op::PutOutbox(row) => {
                let sql = "INSERT INTO outbox (shard, key, record) VALUES (?1, ?2, ?3) \
                           ON CONFLICT (shard, key) DO UPDATE SET record = excluded.record";
                self.run(sql, (row.shard.0, &*row.key, &*row.record))?;
            }
            Op::DeleteOutbox(key) => self.delete_outbox(key)?,
            Op::PutTag(row) => {
                let sql = "INSERT INTO tags (resource, key, value) VALUES (?1, ?2, ?3) \
                           ON CONFLICT (resource, key) DO UPDATE SET value = excluded.value";
                self.run(sql, (row.resource, &*row.key, &*row.value))?;
            }
            Op::DeleteTag(resource, key) => {
                self.run("DELETE FROM tags WHERE resource = ?1 AND key = ?2", (resource, &**key))?;
            }
        }
        Ok(true)
    }

    fn insert_execution(&self, row: &ExecutionRow) -> Applied<bool> {
        let sql = "INSERT INTO executions (id, shard, arn, machine, status, sort_at, stopped_at, wake_at, record) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        let inserted = self.run(
            sql,
            (
                row.id,
                row.id.shard().0,
                row.arn,
                row.machine,
                row.status,
                row.sort_at.as_millis(),
                row.stopped_at.map(|at| at.as_millis()),
                row.wake_at.map(|at| at.as_millis()),
                &*row.record,
            ),
        )?;
        Ok(inserted == 1)
    }

    /// SQLite rewrites the index entries of every column that is assigned, changed or not. While an execution is open
    /// its place in lists stays, so its list and retention entries are left alone.
    fn update_execution(&self, row: &ExecutionRow) -> Applied {
        let content = "UPDATE executions SET wake_at = ?1, record = ?2 WHERE id = ?3 AND arn = ?4 AND machine = ?5 \
                       AND status = ?6 AND sort_at = ?7 AND stopped_at IS ?8";
        let place = "UPDATE executions SET wake_at = ?1, record = ?2, status = ?6, sort_at = ?7, stopped_at = ?8 \
                     WHERE id = ?3 AND arn = ?4 AND machine = ?5";
        let open = row.status == ExecutionStatus::Running;
        for sql in [content, place].into_iter().skip(usize::from(!open)) {
            let params = (
                row.wake_at.map(|at| at.as_millis()),
                &*row.record,
                row.id,
                row.arn,
                row.machine,
                row.status,
                row.sort_at.as_millis(),
                row.stopped_at.map(|at| at.as_millis()),
            );
            if self.run(sql, params)? == 1 {
                return Ok(());
            }
        }
        Err(missing("execution", row.id))
    }

    fn insert_machine(&self, row: &MachineRow) -> Applied<bool> {
        let sql = "INSERT INTO machines (id, arn, account, region, created_at, record) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let at = row.created_at.as_millis();
        Ok(self.run(sql, (row.id, row.arn, &*row.account, &*row.region, at, &*row.record))? == 1)
    }

    fn update_machine(&self, row: &MachineRow) -> Applied {
        let sql = "UPDATE machines SET record = ?1 WHERE id = ?2 AND arn = ?3 AND account = ?4 AND region = ?5 \
                   AND created_at = ?6";
        let at = row.created_at.as_millis();
        match self.run(sql, (&*row.record, row.id, row.arn, &*row.account, &*row.region, at))? {
            1 => Ok(()),
            _ => Err(missing("state machine", row.id)),
        }
    }

    fn insert_entity(&self, row: &EntityRow) -> Applied<bool> {
        let sql = "INSERT INTO entities (id, kind, arn, list, created_at, record) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let at = row.created_at.as_millis();
        Ok(self.run(sql, (row.id, row.kind, row.arn, row.list, at, &*row.record))? == 1)
    }

    fn update_entity(&self, row: &EntityRow) -> Applied {
        let sql = "UPDATE entities SET record = ?1 WHERE id = ?2 AND kind = ?3 AND arn = ?4 AND list = ?5 \
                   AND created_at = ?6";
        let at = row.created_at.as_millis();
        match self.run(sql, (&*row.record, row.id, row.kind, row.arn, row.list, at))? {
            1 => Ok(()),
            _ => Err(missing("entity", row.id)),
        }
    }

    fn delete_outbox(&self, key: &OutboxKey) -> Applied {
        self.run("DELETE FROM outbox WHERE shard = ?1 AND key = ?2", (self.shard.0, &**key)).map(drop)
    }
}

/// The row to update isn't there under that identity.
fn missing(what: &str, id: crate::Id) -> Trouble {
    Trouble::Refused(Rejection::Unacceptable(format!("there is no such {what} to update: {id}")))
}
