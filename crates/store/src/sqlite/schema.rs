//! The tables, and how a database comes to have them.
//!
//! The SQL is plain: other relational databases take the same tables with other type names. Foreign keys aren't
//! declared: the engine's rows refer to each other across shards, and a check on every insert would buy nothing.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::convert::store_error;
use crate::{Error, Result};

/// Each brings a database from the version before to its own: the position in the list is the version, from 1. What was
/// released is never edited; a change of the schema is a new entry.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2];

/// Tables with large records keep SQLite's row ids: such a table takes whole records on its pages, and new rows go to
/// its end, where a table ordered by key would spill records of more than a quarter of a page.
const VERSION_1: &str = "
CREATE TABLE shards (
    shard INTEGER NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL
);
CREATE TABLE settings (
    name   TEXT NOT NULL PRIMARY KEY,
    record BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE machines (
    id         BLOB NOT NULL PRIMARY KEY,
    arn        BLOB NOT NULL UNIQUE,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    record     BLOB NOT NULL
);
CREATE INDEX machines_by_creation ON machines (account, region, created_at, id);
CREATE TABLE revisions (
    machine BLOB NOT NULL,
    id      BLOB NOT NULL,
    record  BLOB NOT NULL,
    PRIMARY KEY (machine, id)
);
CREATE TABLE executions (
    id         BLOB NOT NULL PRIMARY KEY,
    shard      INTEGER NOT NULL,
    arn        BLOB NOT NULL UNIQUE,
    machine    BLOB NOT NULL,
    status     INTEGER NOT NULL,
    sort_at    INTEGER NOT NULL,
    stopped_at INTEGER,
    wake_at    INTEGER,
    record     BLOB NOT NULL
);
CREATE INDEX executions_by_machine ON executions (machine, status, sort_at, id);
CREATE INDEX executions_due ON executions (shard, wake_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX executions_stopped ON executions (shard, stopped_at, id) WHERE stopped_at IS NOT NULL;
CREATE TABLE frames (
    execution BLOB NOT NULL,
    path      TEXT NOT NULL,
    record    BLOB NOT NULL,
    PRIMARY KEY (execution, path)
);
CREATE TABLE history (
    execution BLOB NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    record    BLOB NOT NULL,
    PRIMARY KEY (execution, first)
);
CREATE TABLE outbox (
    shard  INTEGER NOT NULL,
    key    BLOB NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (shard, key)
);
CREATE TABLE tags (
    resource BLOB NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
";

/// Versions, aliases, activities and map runs.
const VERSION_2: &str = "
CREATE TABLE entities (
    id         BLOB NOT NULL PRIMARY KEY,
    kind       INTEGER NOT NULL,
    arn        BLOB NOT NULL UNIQUE,
    list       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    record     BLOB NOT NULL
);
CREATE INDEX entities_by_list ON entities (kind, list, created_at, id);
";

/// The version that this release writes and the latest that it reads.
pub(super) fn latest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Brings the database to the latest version and gives its shard count, which is `shards` if the database is new.
pub(super) fn migrate(connection: &mut Connection, shards: u16) -> Result<u16> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)",
        )
        .map_err(store_error)?;
    let found: u32 = meta(&transaction, "schema_version")?.unwrap_or(0);
    if found > latest() {
        return Err(Error::TooNew { found, supported: latest() });
    }
    for (version, migration) in (1u32..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= found) {
        transaction.execute_batch(migration).map_err(store_error)?;
        set_meta(&transaction, "schema_version", version)?;
        tracing::info!(version, "the database schema was brought to a new version");
    }
    let count = match meta(&transaction, "shard_count")? {
        Some(stored) => stored,
        None => {
            set_meta(&transaction, "shard_count", u32::from(shards))?;
            u32::from(shards)
        }
    };
    transaction.commit().map_err(store_error)?;
    u16::try_from(count)
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| Error::Corrupt(format!("a shard count of {count}")))
}

pub(super) fn meta(connection: &Connection, name: &str) -> Result<Option<u32>> {
    connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(store_error)
}

fn set_meta(connection: &Connection, name: &str, value: u32) -> Result<()> {
    connection
        .execute(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
        .map(drop)
        .map_err(store_error)
}
