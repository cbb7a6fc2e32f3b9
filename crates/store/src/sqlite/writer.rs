//! The one writer: everything that is queued while a transaction syncs goes into the next one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode, OptionalExtension};
use tokio::sync::{mpsc, oneshot};

use super::apply::{Trouble, apply};
use super::convert::{store_error, unsigned};
use super::room::Room;
use super::stats::Counters;
use crate::check::{record_bytes, refusal};
use crate::{Commit, Epoch, Error, Outcome, Record, Rejection, Result, ShardId};

/// A transaction takes no more commits than this, so that its first commit doesn't wait long for its last.
const GROUP_COMMITS: usize = 2_048;
/// Nor more bytes of records.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// Pages of the write-ahead log that may wait to be copied into the database (32 MiB). A longer log copies
/// pages fewer times; a shorter one holds the writer up for less long, and takes less of the volume.
const CHECKPOINT_PAGES: i64 = 8_192;

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Job {
    Commit { batch: Vec<Commit>, reply: oneshot::Sender<Vec<Outcome>> },
    Acquire { shards: Vec<ShardId>, reply: oneshot::Sender<Result<Vec<Epoch>>> },
    KeepSetting { name: String, record: Record, reply: oneshot::Sender<Result<Record>> },
}

/// Called with a message when going on could lose what was promised: after a failed sync nobody knows what the disk
/// holds.
pub(super) type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// The way to the writer. Dropping it lets the writer finish what is queued, and waits for that.
#[derive(Debug)]
pub(super) struct Handle {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Hands a job in, waiting while the queue is full. `None` if the writer is gone.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.jobs.as_ref()?.send(job(reply)).await.ok()?;
        answer.await.ok()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's writer had panicked");
        }
    }
}

/// The writer's side.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) shard_count: u16,
    pub(super) page_bytes: u64,
    pub(super) room: Arc<Room>,
    pub(super) counters: Arc<Counters>,
    pub(super) fatal: Fatal,
    /// Shards with a commit of unknown outcome. What was handed in behind it builds on it, and so is fenced until the
    /// owner has taken the shard again and read what is there.
    pub(super) in_doubt: BTreeSet<ShardId>,
}

/// Why a transaction came to nothing.
enum Failure {
    /// Rolled back for the commit at that position.
    Commit { position: usize, rejection: Rejection },
    /// Rolled back: there was no room for all of it.
    Full,
    /// Nobody knows.
    Unknown(String),
}

impl Writer {
    /// Starts the thread.
    pub(super) fn spawn(self, queue: usize) -> std::io::Result<Handle> {
        let (sender, jobs) = mpsc::channel(queue);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || self.run(jobs))?;
        Ok(Handle { jobs: Some(sender), thread: Some(thread) })
    }

    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut held_back = None;
        while let Some(job) = held_back.take().or_else(|| jobs.blocking_recv()) {
            match job {
                Job::Commit { batch, reply } => {
                    let mut group = Group::default();
                    group.add(batch, reply);
                    held_back = group.gather(&mut jobs);
                    self.commit_group(group);
                }
                Job::Acquire { shards, reply } => {
                    let _ = reply.send(self.acquire(&shards));
                }
                Job::KeepSetting { name, record, reply } => {
                    let _ = reply.send(self.keep_setting(&name, &record));
                }
            }
            self.tidy();
        }
    }

    fn commit_group(&mut self, group: Group) {
        let mut outcomes = Vec::with_capacity(group.commits.len());
        self.settle(&group.commits, &mut outcomes);
        let committed = outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count();
        self.counters.committed(committed);
        if outcomes.contains(&Outcome::Rejected(Rejection::Full)) {
            self.room.ran_out();
        }
        // Before the answers, so that whoever has one asks for room with what it took counted in.
        self.measure();
        let mut outcomes = outcomes.into_iter();
        for (size, reply) in group.replies {
            // Nobody may be waiting any more, which undoes nothing.
            let _ = reply.send(outcomes.by_ref().take(size).collect());
        }
    }

    /// Gives each commit its outcome, in as few transactions as those that fail allow: one that is at fault is left
    /// out, and those before and behind it are committed without it.
    fn settle(&mut self, commits: &[Commit], outcomes: &mut Vec<Outcome>) {
        let mut rest = commits;
        while !rest.is_empty() {
            match self.transaction(rest) {
                Ok(all) => {
                    outcomes.extend(all);
                    return;
                }
                Err(Failure::Commit { position, rejection }) => {
                    self.settle(&rest[..position], outcomes);
                    outcomes.push(Outcome::Rejected(rejection));
                    rest = &rest[position + 1..];
                }
                Err(Failure::Full) if rest.len() > 1 => {
                    let (first, second) = rest.split_at(rest.len() / 2);
                    self.settle(first, outcomes);
                    rest = second;
                }
                Err(Failure::Full) => {
                    outcomes.push(Outcome::Rejected(Rejection::Full));
                    return;
                }
                Err(Failure::Unknown(why)) => {
                    self.in_doubt.extend(rest.iter().map(|commit| commit.shard));
                    outcomes.extend(rest.iter().map(|_| Outcome::Unknown(why.clone())));
                    return;
                }
            }
        }
    }

    fn transaction(&mut self, commits: &[Commit]) -> std::result::Result<Vec<Outcome>, Failure> {
        self.execute("BEGIN IMMEDIATE").map_err(|error| Failure::Unknown(error.to_string()))?;
        let outcomes = match self.apply_all(commits) {
            Ok(outcomes) => outcomes,
            Err((position, trouble)) => {
                self.roll_back().map_err(Failure::Unknown)?;
                return Err(match trouble {
                    Trouble::Refused(rejection) => Failure::Commit { position, rejection },
                    Trouble::Failed(error) => Failure::Unknown(self.judge(&error)),
                });
            }
        };
        if !outcomes.contains(&Outcome::Committed) {
            self.roll_back().map_err(Failure::Unknown)?;
            return Ok(outcomes);
        }
        self.commit_transaction()?;
        Ok(outcomes)
    }

    fn apply_all(&self, commits: &[Commit]) -> std::result::Result<Vec<Outcome>, (usize, Trouble)> {
        let epochs = self.epochs().map_err(|error| (0, Trouble::Failed(error)))?;
        let mut outcomes = Vec::with_capacity(commits.len());
        for (position, commit) in commits.iter().enumerate() {
            let outcome = if let Some(refusal) = refusal(commit, self.shard_count) {
                refusal
            } else if epochs[usize::from(commit.shard.0)] != Some(commit.epoch)
                || self.in_doubt.contains(&commit.shard)
            {
                Outcome::Fenced
            } else {
                apply(&self.connection, commit).map_err(|trouble| (position, trouble))?
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// The current epoch of each shard that somebody has taken.
    fn epochs(&self) -> rusqlite::Result<Vec<Option<Epoch>>> {
        let mut epochs = vec![None; usize::from(self.shard_count)];
        let mut statement = self.connection.prepare_cached("SELECT shard, epoch FROM shards")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let shard: u16 = row.get(0)?;
            if let Some(slot) = epochs.get_mut(usize::from(shard)) {
                *slot = Some(Epoch(unsigned(row, 1)?));
            }
        }
        Ok(epochs)
    }

    /// Without room for the log's frames the transaction is certainly not applied: the frame that would make it valid
    /// is the last one written. Any other error may come from behind that frame: from the sync.
    fn commit_transaction(&self) -> std::result::Result<(), Failure> {
        let Err(error) = self.execute("COMMIT") else {
            self.counters.transaction();
            return Ok(());
        };
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) && self.roll_back().is_ok() {
            return Err(Failure::Full);
        }
        (self.fatal)(&format!("a commit failed, and what the disk holds is unknown: {error}"));
        // Only for a hook that returned: the transaction may be open still.
        self.roll_back().map_err(Failure::Unknown)?;
        Err(Failure::Unknown(error.to_string()))
    }

    /// SQLite may have rolled back by itself, as it does for some errors.
    fn roll_back(&self) -> std::result::Result<(), String> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.execute("ROLLBACK").map_err(|error| {
            let message = format!("a rollback failed: {error}");
            (self.fatal)(&message);
            message
        })
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(()).map(drop)
    }

    /// Stops the process if the error is a failed sync, and puts the error in words.
    fn judge(&self, error: &rusqlite::Error) -> String {
        let message = error.to_string();
        let extended = error.sqlite_error().map(|error| error.extended_code);
        if matches!(extended, Some(rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC))
        {
            (self.fatal)(&format!("a sync failed, and what the disk holds is unknown: {message}"));
        }
        message
    }

    fn acquire(&mut self, shards: &[ShardId]) -> Result<Vec<Epoch>> {
        if let Some(shard) = shards.iter().find(|shard| shard.0 >= self.shard_count) {
            return Err(Error::no_such_shard(*shard));
        }
        let raise = |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO shards (shard, epoch) VALUES (?1, 1) \
                 ON CONFLICT (shard) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
            )?;
            shards
                .iter()
                .map(|shard| statement.query_row((shard.0,), |row| unsigned(row, 0).map(Epoch)))
                .collect()
        };
        let epochs: Vec<Epoch> = self.alone(raise)?;
        for shard in shards {
            self.in_doubt.remove(shard);
        }
        Ok(epochs)
    }

    fn keep_setting(&mut self, name: &str, record: &Record) -> Result<Record> {
        self.alone(|connection| {
            let sql = "INSERT INTO settings (name, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            connection.prepare_cached(sql)?.execute((name, &**record))?;
            connection
                .prepare_cached("SELECT record FROM settings WHERE name = ?1")?
                .query_row((name,), |row| row.get(0))
                .optional()
        })?
        .ok_or_else(|| Error::Corrupt(format!("the setting {name} isn't there after it was kept")))
    }

    /// Does something in a transaction of its own.
    fn alone<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.execute("BEGIN IMMEDIATE").map_err(store_error)?;
        match change(&self.connection) {
            Ok(value) => match self.commit_transaction() {
                Ok(()) => Ok(value),
                Err(Failure::Unknown(why)) => Err(Error::Unavailable(why)),
                Err(Failure::Full | Failure::Commit { .. }) => {
                    Err(Error::Unavailable("there is no room".into()))
                }
            },
            Err(error) => {
                self.judge(&error);
                self.roll_back().map_err(Error::Unavailable)?;
                Err(store_error(error))
            }
        }
    }

    /// Between transactions: copies a long log into the database.
    ///
    /// The writer does it itself: a log that is appended to all the while would never be wholly copied, and so would
    /// never begin again from its start.
    fn tidy(&self) {
        match self.checkpoint("PRAGMA wal_checkpoint(NOOP)") {
            Ok(waiting) if waiting >= CHECKPOINT_PAGES => {
                self.counters.checkpoint();
                match self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)") {
                    Ok(_) => {}
                    // The log keeps what can't be copied.
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                        self.room.ran_out()
                    }
                    Err(error) => {
                        let message = self.judge(&error);
                        tracing::warn!(error = message, "a checkpoint failed");
                    }
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the length of the write-ahead log is unknown"),
        }
    }

    /// Runs a checkpoint and gives the number of pages of the log that still wait.
    fn checkpoint(&self, sql: &str) -> rusqlite::Result<i64> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row((), |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    }

    /// Tells how much of the database's own limit is taken, if it has one.
    pub(super) fn measure(&self) {
        if !self.room.is_limited() {
            return;
        }
        let pragma = |sql| self.connection.prepare_cached(sql)?.query_row((), |row| unsigned(row, 0));
        if let (Ok(pages), Ok(free)) = (pragma("PRAGMA page_count"), pragma("PRAGMA freelist_count")) {
            self.room.set_used(pages.saturating_sub(free).saturating_mul(self.page_bytes));
        }
    }
}

/// Batches that are committed together.
#[derive(Default)]
struct Group {
    commits: Vec<Commit>,
    bytes: usize,
    /// How many commits each batch had, and who waits for it.
    replies: Vec<(usize, oneshot::Sender<Vec<Outcome>>)>,
}

impl Group {
    fn add(&mut self, batch: Vec<Commit>, reply: oneshot::Sender<Vec<Outcome>>) {
        self.bytes += batch.iter().flat_map(|commit| &commit.ops).map(record_bytes).sum::<usize>();
        self.replies.push((batch.len(), reply));
        self.commits.extend(batch);
    }

    /// Takes what is queued already, without waiting, and gives back a job that can't be part of the group.
    fn gather(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        while self.commits.len() < GROUP_COMMITS && self.bytes < GROUP_BYTES {
            match jobs.try_recv() {
                Ok(Job::Commit { batch, reply }) => self.add(batch, reply),
                Ok(other) => return Some(other),
                Err(_) => break,
            }
        }
        None
    }
}
