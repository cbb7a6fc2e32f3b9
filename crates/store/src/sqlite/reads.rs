//! The queries.

use std::sync::Arc;

use newel_asl::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, StatementStatus};

use super::convert::{clamped, instant, maybe_instant, unsigned};
use crate::{
    ArnKey, EntitiesPage, EntityKind, EntityRow, ExecutionRow, ExecutionStatus, ExecutionsPage, FrameRow,
    HistoryOrder, HistoryRow, Id, MachineRow, MachinesPage, OpenGroup, OutboxKey, OutboxRow, Record,
    RevisionRow, ShardId, TagRow,
};

type Rows<T> = rusqlite::Result<Vec<T>>;
type One<T> = rusqlite::Result<Option<T>>;

/// Below and above every place in a list: no row is at either end of time.
const BEFORE_ALL: (Timestamp, Id) = (Timestamp::from_millis(i64::MIN), Id::MIN);
const AFTER_ALL: (Timestamp, Id) = (Timestamp::from_millis(i64::MAX), Id::MAX);

fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> One<T> {
    db.prepare_cached(sql)?.query_row(params, row).optional()
}

fn many<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Rows<T> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, row)?.collect();
    for effort in [StatementStatus::FullscanStep, StatementStatus::Sort, StatementStatus::AutoIndex] {
        debug_assert_eq!(statement.get_status(effort), 0, "an index serves every list in its order: {sql}");
    }
    rows
}

fn machine_row(row: &Row<'_>) -> rusqlite::Result<MachineRow> {
    Ok(MachineRow {
        id: row.get(0)?,
        arn: row.get(1)?,
        account: row.get(2)?,
        region: row.get(3)?,
        created_at: instant(row, 4)?,
        record: row.get(5)?,
    })
}

pub(super) fn machine(db: &Connection, arn: ArnKey) -> One<MachineRow> {
    let sql = "SELECT id, arn, account, region, created_at, record FROM machines WHERE arn = ?1";
    one(db, sql, (arn,), machine_row)
}

pub(super) fn machines(db: &Connection, page: &MachinesPage) -> Rows<MachineRow> {
    let sql = "SELECT id, arn, account, region, created_at, record FROM machines \
               WHERE account = ?1 AND region = ?2 AND (created_at, id) > (?3, ?4) \
               ORDER BY created_at, id LIMIT ?5";
    let (at, id) = page.after.unwrap_or(BEFORE_ALL);
    many(db, sql, (&*page.account, &*page.region, at.as_millis(), id, clamped(page.limit)), machine_row)
}

pub(super) fn machine_count(db: &Connection, account: &str, region: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT COUNT(*) FROM machines WHERE account = ?1 AND region = ?2";
    let count: i64 = db.prepare_cached(sql)?.query_row((account, region), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) fn entity_count(db: &Connection, kind: EntityKind, list: ArnKey) -> rusqlite::Result<u64> {
    let sql = "SELECT COUNT(*) FROM entities WHERE kind = ?1 AND list = ?2";
    let count: i64 = db.prepare_cached(sql)?.query_row((kind, list), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) fn revision(db: &Connection, machine: Id, id: Id) -> One<RevisionRow> {
    let sql = "SELECT record FROM revisions WHERE machine = ?1 AND id = ?2";
    one(db, sql, (machine, id), |row| Ok(RevisionRow { machine, id, record: row.get(0)? }))
}

fn entity_row(row: &Row<'_>) -> rusqlite::Result<EntityRow> {
    Ok(EntityRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        arn: row.get(2)?,
        list: row.get(3)?,
        created_at: instant(row, 4)?,
        record: row.get(5)?,
    })
}

pub(super) fn entity(db: &Connection, arn: ArnKey) -> One<EntityRow> {
    let sql = "SELECT id, kind, arn, list, created_at, record FROM entities WHERE arn = ?1";
    one(db, sql, (arn,), entity_row)
}

pub(super) fn entities(db: &Connection, page: &EntitiesPage) -> Rows<EntityRow> {
    let oldest_first = "SELECT id, kind, arn, list, created_at, record FROM entities \
                        WHERE kind = ?1 AND list = ?2 AND (created_at, id) > (?3, ?4) \
                        ORDER BY created_at, id LIMIT ?5";
    let newest_first = "SELECT id, kind, arn, list, created_at, record FROM entities \
                        WHERE kind = ?1 AND list = ?2 AND (created_at, id) < (?3, ?4) \
                        ORDER BY created_at DESC, id DESC LIMIT ?5";
    let (sql, start) = if page.newest_first { (newest_first, AFTER_ALL) } else { (oldest_first, BEFORE_ALL) };
    let (at, id) = page.after.unwrap_or(start);
    many(db, sql, (page.kind, page.list, at.as_millis(), id, clamped(page.limit)), entity_row)
}

fn execution_row(row: &Row<'_>) -> rusqlite::Result<ExecutionRow> {
    Ok(ExecutionRow {
        id: row.get(0)?,
        arn: row.get(1)?,
        machine: row.get(2)?,
        status: row.get(3)?,
        sort_at: instant(row, 4)?,
        stopped_at: maybe_instant(row, 5)?,
        wake_at: maybe_instant(row, 6)?,
        record: row.get(7)?,
    })
}

pub(super) fn execution(db: &Connection, id: Id) -> One<ExecutionRow> {
    let sql =
        "SELECT id, arn, machine, status, sort_at, stopped_at, wake_at, record FROM executions WHERE id = ?1";
    one(db, sql, (id,), execution_row)
}

pub(super) fn execution_by_arn(db: &Connection, arn: ArnKey) -> One<ExecutionRow> {
    let sql = "SELECT id, arn, machine, status, sort_at, stopped_at, wake_at, record FROM executions WHERE arn = ?1";
    one(db, sql, (arn,), execution_row)
}

/// Takes each status's newest from the index, merges them, and only then reads the rows that are on the page.
pub(super) fn executions(db: &Connection, page: &ExecutionsPage) -> Rows<ExecutionRow> {
    let snapshot = db.unchecked_transaction()?;
    let sql = "SELECT sort_at, id FROM executions \
               WHERE machine = ?1 AND status = ?2 AND (sort_at, id) < (?3, ?4) \
               ORDER BY sort_at DESC, id DESC LIMIT ?5";
    let (at, id) = page.after.unwrap_or(AFTER_ALL);
    let mut keys: Vec<(Timestamp, Id)> = Vec::new();
    for status in page.filter.status.map_or(ExecutionStatus::ALL.to_vec(), |status| vec![status]) {
        let machine = page.filter.machine;
        let params = (machine, status, at.as_millis(), id, clamped(page.limit));
        keys.extend(many(&snapshot, sql, params, |row| Ok((instant(row, 0)?, row.get(1)?)))?);
    }
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys.truncate(page.limit);
    let rows = keys.into_iter().filter_map(|(_, id)| execution(&snapshot, id).transpose()).collect();
    snapshot.finish()?;
    rows
}

pub(super) fn frames(db: &Connection, execution: Id) -> Rows<FrameRow> {
    let sql = "SELECT path, record FROM frames WHERE execution = ?1 ORDER BY path";
    many(db, sql, (execution,), |row| Ok(FrameRow { execution, path: row.get(0)?, record: row.get(1)? }))
}

pub(super) fn history(
    db: &Connection,
    execution: Id,
    from: u64,
    order: HistoryOrder,
    limit: usize,
) -> Rows<HistoryRow> {
    let sql = match order {
        // The row that holds `from` may begin before it.
        HistoryOrder::Forward => {
            "SELECT first, last, record FROM history WHERE execution = ?1 AND last >= ?2 AND first >= COALESCE( \
             (SELECT MAX(first) FROM history WHERE execution = ?1 AND first <= ?2), 0) ORDER BY first LIMIT ?3"
        }
        HistoryOrder::Reverse => {
            "SELECT first, last, record FROM history WHERE execution = ?1 AND first <= ?2 \
             ORDER BY first DESC LIMIT ?3"
        }
    };
    many(db, sql, (execution, clamped(from), clamped(limit)), |row| {
        Ok(HistoryRow { execution, first: unsigned(row, 0)?, last: unsigned(row, 1)?, record: row.get(2)? })
    })
}

pub(super) fn due(
    db: &Connection,
    shard: ShardId,
    until: Timestamp,
    after: Option<(Timestamp, Id)>,
    limit: usize,
) -> Rows<(Timestamp, Id)> {
    let sql = "SELECT wake_at, id FROM executions \
               WHERE shard = ?1 AND wake_at IS NOT NULL AND wake_at <= ?2 AND (wake_at, id) > (?3, ?4) \
               ORDER BY wake_at, id LIMIT ?5";
    let (at, id) = after.unwrap_or(BEFORE_ALL);
    let params = (shard.0, until.as_millis(), at.as_millis(), id, clamped(limit));
    many(db, sql, params, |row| Ok((instant(row, 0)?, row.get(1)?)))
}

pub(super) fn outbox(
    db: &Connection,
    shard: ShardId,
    after: Option<&OutboxKey>,
    limit: usize,
) -> Rows<OutboxRow> {
    let sql = match after {
        Some(_) => "SELECT key, record FROM outbox WHERE shard = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        None => "SELECT key, record FROM outbox WHERE shard = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
    };
    let start = after.map_or(&[][..], |key| &**key);
    many(db, sql, (shard.0, start, clamped(limit)), |row| {
        Ok(OutboxRow { shard, key: row.get(0)?, record: row.get(1)? })
    })
}

pub(super) fn outbox_row(db: &Connection, shard: ShardId, key: &OutboxKey) -> One<OutboxRow> {
    let sql = "SELECT record FROM outbox WHERE shard = ?1 AND key = ?2";
    one(db, sql, (shard.0, &**key), |row| Ok(OutboxRow { shard, key: Arc::clone(key), record: row.get(0)? }))
}

pub(super) fn expired(db: &Connection, shard: ShardId, before: Timestamp, limit: usize) -> Rows<Id> {
    let sql = "SELECT id FROM executions WHERE shard = ?1 AND stopped_at IS NOT NULL AND stopped_at < ?2 \
               ORDER BY stopped_at, id LIMIT ?3";
    many(db, sql, (shard.0, before.as_millis(), clamped(limit)), |row| row.get(0))
}

/// Counts entries of the index. For the whole store it jumps from state machine to state machine, so that closed
/// executions aren't walked over.
pub(super) fn open_executions(db: &Connection, machine: Option<Id>) -> rusqlite::Result<u64> {
    let open = ExecutionStatus::Running;
    let count: i64 = match machine {
        Some(machine) => db
            .prepare_cached("SELECT COUNT(*) FROM executions WHERE machine = ?1 AND status = ?2")?
            .query_row((machine, open), |row| row.get(0))?,
        None => db
            .prepare_cached(
                "WITH RECURSIVE each(machine) AS (SELECT MIN(machine) FROM executions UNION ALL \
                 SELECT (SELECT MIN(e.machine) FROM executions e WHERE e.machine > each.machine) FROM each \
                 WHERE each.machine IS NOT NULL) \
                 SELECT COALESCE(SUM((SELECT COUNT(*) FROM executions e WHERE e.machine = each.machine \
                 AND e.status = ?1)), 0) FROM each WHERE each.machine IS NOT NULL",
            )?
            .query_row((open,), |row| row.get(0))?,
    };
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Jumps from state machine to state machine, as [`open_executions`] does.
pub(super) fn open_groups(db: &Connection, after: Option<Id>, limit: usize) -> Rows<OpenGroup> {
    let sql = "WITH RECURSIVE each(machine) AS (SELECT MIN(machine) FROM executions WHERE machine > ?1 UNION ALL \
               SELECT (SELECT MIN(e.machine) FROM executions e WHERE e.machine > each.machine) FROM each \
               WHERE each.machine IS NOT NULL) \
               SELECT each.machine, \
               (SELECT COUNT(*) FROM executions e WHERE e.machine = each.machine AND e.status = ?2), \
               (SELECT record FROM executions e WHERE e.machine = each.machine AND e.status = ?2 LIMIT 1) \
               FROM each WHERE each.machine IS NOT NULL AND \
               EXISTS (SELECT 1 FROM executions e WHERE e.machine = each.machine AND e.status = ?2) LIMIT ?3";
    let params = (after.unwrap_or(Id::MIN), ExecutionStatus::Running, clamped(limit));
    let mut statement = db.prepare_cached(sql)?;
    statement
        .query_map(params, |row| {
            Ok(OpenGroup { machine: row.get(0)?, open: unsigned(row, 1)?, record: row.get(2)? })
        })?
        .collect()
}

pub(super) fn tags(db: &Connection, resource: ArnKey) -> Rows<TagRow> {
    let sql = "SELECT key, value FROM tags WHERE resource = ?1 ORDER BY key";
    many(db, sql, (resource,), |row| Ok(TagRow { resource, key: row.get(0)?, value: row.get(1)? }))
}

pub(super) fn setting(db: &Connection, name: &str) -> One<Record> {
    one(db, "SELECT record FROM settings WHERE name = ?1", (name,), |row| row.get(0))
}
