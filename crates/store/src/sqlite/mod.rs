//! The embedded store: one SQLite database in a directory that one process uses at a time.
//!
//! * One thread writes (`writer`). What is queued while it syncs goes into its next transaction, so the number of
//!   syncs doesn't follow the load; the queue is bounded, and a full one makes callers wait.
//! * A few connections read (`pool`, `reads`), each query on one state of the database, never waiting for the writer.
//! * The write-ahead log is synced on every commit (`synchronous = FULL`). A commit that fails in any other way than for
//!   want of room ends the process: after a failed sync the kernel may have dropped what it couldn't write, and
//!   a second sync would say that all is well.

mod apply;
mod archive;
mod backup;
#[cfg(test)]
mod backup_tests;
mod convert;
mod pool;
mod reads;
mod room;
mod schema;
mod stats;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_asl::timestamp::Timestamp;
use rusqlite::Connection;

use crate::{
    ArnKey, Commit, EntitiesPage, EntityKind, EntityRow, Epoch, Error, ExecutionRow, ExecutionsPage,
    FrameRow, HistoryOrder, HistoryRow, Id, MachineRow, MachinesPage, OpenGroup, OutboxKey, OutboxRow,
    Outcome, Record, Result, RevisionRow, ShardId, Store, TagRow,
};
pub use archive::Manifest;
pub use backup::{BackupError, BackupProgress, BackupStep, backup, restore};
use convert::store_error;
use pool::Pool;
use room::Room;
use stats::Counters;
pub use stats::SqliteStats;
use writer::{Handle, Job, Writer};

/// The database's file in its directory.
const DATABASE: &str = "newel.db";
/// The file whose lock says that a process uses the directory. The system gives the lock back when the process ends,
/// however it ends.
const LOCK: &str = "newel.lock";
/// The file that is there while a restore replaces the database.
const RESTORING: &str = "newel.restoring";

/// How an embedded store behaves.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Logical shards of a new database, at least one. A database that is there keeps its own number.
    pub shards: u16,
    /// How many reads run at once.
    pub readers: usize,
    /// How many batches may wait for the writer before [`Store::commit`] makes its callers wait.
    pub queue: usize,
    /// Free bytes of the volume below which [`Store::has_room`] says no.
    pub reserve_bytes: u64,
    /// The most that the database's file may grow to, in bytes. An eighth of it is kept in reserve.
    pub max_bytes: Option<u64>,
    /// Called with a message when the process must not go on. It should not return: the default aborts.
    pub fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            shards: 16,
            readers: 4,
            queue: 256,
            reserve_bytes: 64 * 1024 * 1024,
            max_bytes: None,
            fatal: Arc::new(|message| {
                tracing::error!(message, "the process stops to keep what it has promised");
                std::process::abort();
            }),
        }
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shards, readers, queue, reserve_bytes, max_bytes, fatal: _ } = self;
        f.debug_struct("SqliteOptions")
            .field("shards", shards)
            .field("readers", readers)
            .field("queue", queue)
            .field("reserve_bytes", reserve_bytes)
            .field("max_bytes", max_bytes)
            .finish_non_exhaustive()
    }
}

/// The contract of [`Store`] on SQLite. Dropping it waits for the writer to finish what is queued.
#[derive(Debug)]
pub struct SqliteStore {
    shard_count: u16,
    room: Arc<Room>,
    counters: Arc<Counters>,
    // The order matters to dropping: the last connection to close tidies the log away, and only a writer can; the lock
    // goes last.
    pool: Arc<Pool>,
    writer: Handle,
    _lock: Arc<File>,
}

impl SqliteStore {
    /// Opens the database in the directory, making both where they aren't there. It blocks.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another process uses the directory or it can't be written, [`Error::TooNew`] if a
    /// later release has written the database, [`Error::Corrupt`] if it isn't a database of ours or is half restored.
    pub fn open(directory: &Path, options: &SqliteOptions) -> Result<Self> {
        let lock = Arc::new(lock(directory)?);
        if directory.join(RESTORING).exists() {
            return Err(Error::half_restored(directory));
        }
        let path = directory.join(DATABASE);
        let mut connection = Connection::open(&path).map_err(store_error)?;
        configure(&connection).map_err(store_error)?;
        let shard_count = schema::migrate(&mut connection, options.shards.max(1))?;
        // The names of the new files must be as durable as what is in them.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(unusable)?;
        let page_bytes = limit_pages(&connection, options.max_bytes).map_err(store_error)?;
        let pool = Pool::open(&path, options.readers, Arc::clone(&lock))?;
        let room = Arc::new(Room::new(directory, options.reserve_bytes, options.max_bytes));
        let counters = Arc::new(Counters::default());
        let writer = Writer {
            connection,
            shard_count,
            page_bytes,
            room: Arc::clone(&room),
            counters: Arc::clone(&counters),
            fatal: Arc::clone(&options.fatal),
            in_doubt: BTreeSet::new(),
        };
        writer.measure();
        let writer = writer.spawn(options.queue.max(1)).map_err(unusable)?;
        Ok(Self { shard_count, room, counters, pool, writer, _lock: lock })
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> SqliteStats {
        self.counters.read()
    }
}

/// Takes the directory for this process.
fn lock(directory: &Path) -> Result<File> {
    std::fs::create_dir_all(directory).map_err(unusable)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join(LOCK))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Unavailable(format!(
            "another process uses the data directory {}",
            directory.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn unusable(error: std::io::Error) -> Error {
    Error::Unavailable(format!("the data directory can't be used: {error}"))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // The writer copies the log itself, where it sees what goes wrong.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A log that a burst made long is cut back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    // In KiB: enough for the pages that random keys touch in one transaction.
    connection.pragma_update(None, "cache_size", -32_768)
}

/// Limits the size of the database and gives the size of a page.
fn limit_pages(connection: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<u64> {
    let page_bytes = connection.query_row("PRAGMA page_size", (), |row| convert::unsigned(row, 0))?.max(1);
    if let Some(limit) = max_bytes {
        connection.pragma_update(None, "max_page_count", convert::clamped(limit / page_bytes))?;
    }
    Ok(page_bytes)
}

fn writer_gone() -> Error {
    Error::Unavailable("the store's writer is gone".into())
}

#[async_trait]
impl Store for SqliteStore {
    fn shard_count(&self) -> u16 {
        self.shard_count
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Epoch>> {
        let shards = shards.to_vec();
        self.writer.ask(|reply| Job::Acquire { shards, reply }).await.unwrap_or_else(|| Err(writer_gone()))
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Outcome> {
        let size = batch.len();
        let outcomes = self.writer.ask(|reply| Job::Commit { batch, reply }).await;
        outcomes.unwrap_or_else(|| vec![Outcome::Unknown(writer_gone().to_string()); size])
    }

    async fn has_room(&self) -> bool {
        self.room.is_there()
    }

    async fn machine(&self, arn: ArnKey) -> Result<Option<MachineRow>> {
        self.pool.read(move |db| reads::machine(db, arn)).await
    }

    async fn machines(&self, page: MachinesPage) -> Result<Vec<MachineRow>> {
        self.pool.read(move |db| reads::machines(db, &page)).await
    }

    async fn machine_count(&self, account: &str, region: &str) -> Result<u64> {
        let (account, region) = (account.to_owned(), region.to_owned());
        self.pool.read(move |db| reads::machine_count(db, &account, &region)).await
    }

    async fn entity_count(&self, kind: EntityKind, list: ArnKey) -> Result<u64> {
        self.pool.read(move |db| reads::entity_count(db, kind, list)).await
    }

    async fn revision(&self, machine: Id, revision: Id) -> Result<Option<RevisionRow>> {
        self.pool.read(move |db| reads::revision(db, machine, revision)).await
    }

    async fn entity(&self, arn: ArnKey) -> Result<Option<EntityRow>> {
        self.pool.read(move |db| reads::entity(db, arn)).await
    }

    async fn entities(&self, page: EntitiesPage) -> Result<Vec<EntityRow>> {
        self.pool.read(move |db| reads::entities(db, &page)).await
    }

    async fn execution(&self, id: Id) -> Result<Option<ExecutionRow>> {
        self.pool.read(move |db| reads::execution(db, id)).await
    }

    async fn execution_by_arn(&self, arn: ArnKey) -> Result<Option<ExecutionRow>> {
        self.pool.read(move |db| reads::execution_by_arn(db, arn)).await
    }

    async fn executions(&self, page: ExecutionsPage) -> Result<Vec<ExecutionRow>> {
        self.pool.read(move |db| reads::executions(db, &page)).await
    }

    async fn frames(&self, execution: Id) -> Result<Vec<FrameRow>> {
        self.pool.read(move |db| reads::frames(db, execution)).await
    }

    async fn history(
        &self,
        execution: Id,
        from: u64,
        order: HistoryOrder,
        limit: usize,
    ) -> Result<Vec<HistoryRow>> {
        self.pool.read(move |db| reads::history(db, execution, from, order, limit)).await
    }

    async fn due(
        &self,
        shard: ShardId,
        until: Timestamp,
        after: Option<(Timestamp, Id)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Id)>> {
        self.pool.read(move |db| reads::due(db, shard, until, after, limit)).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        after: Option<&OutboxKey>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>> {
        let after = after.cloned();
        self.pool.read(move |db| reads::outbox(db, shard, after.as_ref(), limit)).await
    }

    async fn outbox_row(&self, shard: ShardId, key: &OutboxKey) -> Result<Option<OutboxRow>> {
        let key = Arc::clone(key);
        self.pool.read(move |db| reads::outbox_row(db, shard, &key)).await
    }

    async fn expired(&self, shard: ShardId, before: Timestamp, limit: usize) -> Result<Vec<Id>> {
        self.pool.read(move |db| reads::expired(db, shard, before, limit)).await
    }

    async fn open_executions(&self, machine: Option<Id>) -> Result<u64> {
        self.pool.read(move |db| reads::open_executions(db, machine)).await
    }

    async fn open_groups(&self, after: Option<Id>, limit: usize) -> Result<Vec<OpenGroup>> {
        self.pool.read(move |db| reads::open_groups(db, after, limit)).await
    }

    async fn tags(&self, resource: ArnKey) -> Result<Vec<TagRow>> {
        self.pool.read(move |db| reads::tags(db, resource)).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Record>> {
        let name = name.to_owned();
        self.pool.read(move |db| reads::setting(db, &name)).await
    }

    async fn keep_setting(&self, name: &str, record: Record) -> Result<Record> {
        let name = name.to_owned();
        let kept = self.writer.ask(|reply| Job::KeepSetting { name, record, reply }).await;
        kept.unwrap_or_else(|| Err(writer_gone()))
    }
}
