//! What is SQLite's own, beside the contract.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use newel_asl::timestamp::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{DATABASE, LOCK, SqliteOptions, SqliteStore, schema};
use crate::{
    ArnKey, Commit, Epoch, Error, ExecutionRow, ExecutionStatus, HistoryOrder, HistoryRow, Id, Op, Outcome,
    Record, Rejection, ShardId, Store, contract,
};

pub(super) const SHARD: ShardId = ShardId(3);

pub(super) fn options() -> SqliteOptions {
    SqliteOptions {
        reserve_bytes: 0,
        fatal: Arc::new(|message| panic!("{message}")),
        ..SqliteOptions::default()
    }
}

pub(super) fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, &options()).unwrap()
}

/// A start as an engine writes it: the execution and its first events.
pub(super) fn start(epoch: Epoch, number: u64, bytes: usize) -> Commit {
    let id = Id::new(SHARD, Timestamp::from_millis(1_000), number);
    let mut arn = [0; 16];
    arn[..8].copy_from_slice(&number.to_be_bytes());
    let execution = ExecutionRow {
        id,
        arn: ArnKey(arn),
        machine: Id::MIN,
        status: ExecutionStatus::Running,
        sort_at: Timestamp::from_millis(1_000),
        stopped_at: None,
        wake_at: None,
        record: Record::from(vec![1; bytes]),
    };
    let events = HistoryRow { execution: id, first: 1, last: 2, record: Record::from(vec![2; bytes]) };
    Commit { shard: SHARD, epoch, ops: vec![Op::InsertExecution(execution), Op::AppendHistory(events)] }
}

pub(super) async fn own(store: &SqliteStore) -> Epoch {
    store.acquire(&[SHARD]).await.unwrap()[0]
}

#[tokio::test]
async fn keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let opened = AtomicU64::new(0);
    contract::run(async || {
        let directory = root.path().join(opened.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(open(&directory)) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn survives_reopening() {
    let root = tempfile::tempdir().unwrap();
    contract::survives_reopening(async || Arc::new(open(root.path())) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn a_directory_has_one_process_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    let Err(Error::Unavailable(why)) = SqliteStore::open(root.path(), &options()) else {
        panic!("a second store must not open");
    };
    assert!(why.contains("another process"), "{why}");
    drop(first);
    open(root.path());
}

/// The files as they are at some moment are what a process leaves that is killed at that moment.
fn killed_copy(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        // The lock isn't content, and the shared-memory file is rebuilt from the log.
        let name = entry.file_name().into_string().unwrap();
        if name != LOCK && !name.ends_with("-shm") {
            fs::copy(entry.path(), copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn what_was_committed_before_a_kill_is_there_at_once() {
    const BATCHES: u64 = 20;
    const SIZE: u64 = 50;
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let epoch = own(&store).await;
    for batch in 0..BATCHES {
        let commits = (batch * SIZE..(batch + 1) * SIZE).map(|number| start(epoch, number, 2_000)).collect();
        assert!(store.commit(commits).await.iter().all(|outcome| *outcome == Outcome::Committed));
        let copy = killed_copy(root.path());
        let opening = Instant::now();
        let revived = open(copy.path());
        assert_eq!(revived.open_executions(None).await.unwrap(), (batch + 1) * SIZE);
        assert!(opening.elapsed() < Duration::from_secs(2));
        let id = Id::new(SHARD, Timestamp::from_millis(1_000), batch * SIZE);
        assert_eq!(revived.history(id, 1, HistoryOrder::Forward, 9).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn batches_that_wait_together_share_a_transaction() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(open(root.path()));
    let epoch = own(&store).await;
    let before = store.stats().transactions;
    let waiting: Vec<_> = (0..200)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(vec![start(epoch, number, 100)]).await })
        })
        .collect();
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), [Outcome::Committed]);
    }
    let stats = store.stats();
    assert_eq!(stats.commits, 200);
    assert!(stats.transactions - before < 100, "{stats:?}");
}

#[tokio::test]
async fn a_full_database_refuses_and_recovers() {
    let root = tempfile::tempdir().unwrap();
    let limited = SqliteOptions { max_bytes: Some(4 * 1024 * 1024), ..options() };
    let store = SqliteStore::open(root.path(), &limited).unwrap();
    let epoch = own(&store).await;
    assert!(store.has_room().await);
    // More than the reserve remains while there is room, so work that is open can still be written.
    let mut number = 0;
    while store.has_room().await {
        assert_eq!(store.commit(vec![start(epoch, number, 20_000)]).await, [Outcome::Committed]);
        number += 1;
    }
    let mut refused = false;
    while !refused {
        let batch = (number..number + 4).map(|number| start(epoch, number, 20_000)).collect();
        let outcomes = store.commit(batch).await;
        let whole = [Outcome::Committed, Outcome::Rejected(Rejection::Full)];
        assert!(outcomes.iter().all(|outcome| whole.contains(outcome)), "{outcomes:?}");
        refused = outcomes.contains(&whole[1]);
        for (at, outcome) in (number..).zip(outcomes) {
            let id = Id::new(SHARD, Timestamp::from_millis(1_000), at);
            let expect = usize::from(outcome == Outcome::Committed);
            assert_eq!(store.history(id, 1, HistoryOrder::Forward, 9).await.unwrap().len(), expect);
        }
        number += 4;
    }
    // One that is too large doesn't take the small one behind it along.
    let outcomes = store.commit(vec![start(epoch, 90_000, 500_000), start(epoch, 90_001, 1)]).await;
    assert_eq!(outcomes, [Outcome::Rejected(Rejection::Full), Outcome::Committed]);
    assert!(!store.has_room().await);

    let ids = (0..number).map(|number| Id::new(SHARD, Timestamp::from_millis(1_000), number));
    let ops = ids.map(Op::DeleteExecution).collect();
    assert_eq!(store.commit(vec![Commit { shard: SHARD, epoch, ops }]).await, [Outcome::Committed]);
    assert!(store.has_room().await);
    assert_eq!(store.commit(vec![start(epoch, 95_000, 500_000)]).await, [Outcome::Committed]);
}

#[tokio::test]
async fn the_log_begins_again_instead_of_growing() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let epoch = own(&store).await;
    for batch in 0..60 {
        let commits = (batch * 20..(batch + 1) * 20).map(|number| start(epoch, number, 50_000)).collect();
        assert!(store.commit(commits).await.iter().all(|outcome| *outcome == Outcome::Committed));
    }
    // 120 MB were written.
    let log = fs::metadata(root.path().join(format!("{DATABASE}-wal"))).unwrap().len();
    assert!(log < 40_000_000, "{log}");
    assert!(store.stats().checkpoints >= 3);
}

#[tokio::test]
async fn refuses_a_database_of_a_later_release() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()));
    let later = schema::latest() + 1;
    let database = Connection::open(root.path().join(DATABASE)).unwrap();
    database.execute("UPDATE meta SET value = ?1 WHERE name = 'schema_version'", (later,)).unwrap();
    drop(database);
    let error = SqliteStore::open(root.path(), &options()).unwrap_err();
    assert_eq!(error, Error::TooNew { found: later, supported: schema::latest() });
}

#[tokio::test]
async fn refuses_what_is_no_database() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(DATABASE), vec![b'x'; 10_000]).unwrap();
    let error = SqliteStore::open(root.path(), &options()).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
}

#[tokio::test]
async fn a_damaged_row_is_told_from_a_missing_one() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let epoch = own(&store).await;
    assert_eq!(store.commit(vec![start(epoch, 1, 10)]).await, [Outcome::Committed]);
    let database = Connection::open(root.path().join(DATABASE)).unwrap();
    for damage in ["status = 77", "status = 0, machine = x'00'"] {
        database.execute(&format!("UPDATE executions SET {damage}"), ()).unwrap();
        let id = Id::new(SHARD, Timestamp::from_millis(1_000), 1);
        assert!(matches!(store.execution(id).await, Err(Error::Corrupt(_))), "{damage}");
    }
}

#[tokio::test]
async fn the_shard_count_stays_what_it_was_at_creation() {
    let root = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(root.path(), &SqliteOptions { shards: 5, ..options() }).unwrap());
    assert_eq!(open(root.path()).shard_count(), 5);
}

#[tokio::test]
async fn a_commit_whose_caller_went_away_is_applied_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let epoch = own(&store).await;
    {
        let mut commit = store.commit(vec![start(epoch, 1, 10)]);
        // The first poll hands it in.
        let handed_in = std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context)));
        let _ = handed_in.await;
    }
    // Behind it in the queue, so it is done by then.
    own(&store).await;
    assert_eq!(store.open_executions(None).await.unwrap(), 1);
}

/// A trigger makes one key's transaction fail at its very end, as a failed sync would.
#[tokio::test]
async fn sto_6_after_a_failed_commit_a_shard_must_be_taken_again() {
    let root = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let fatal = Arc::clone(&calls);
    let fatal = Arc::new(move |_: &str| {
        fatal.fetch_add(1, Ordering::Relaxed);
    });
    let store = SqliteStore::open(root.path(), &SqliteOptions { fatal, ..options() }).unwrap();
    let database = Connection::open(root.path().join(DATABASE)).unwrap();
    database
        .execute_batch(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER doom AFTER INSERT ON history WHEN length(NEW.record) = 13
             BEGIN INSERT INTO child VALUES (1); END;",
        )
        .unwrap();
    let other = ShardId(4);
    let epoch = own(&store).await;
    let elsewhere = store.acquire(&[other]).await.unwrap()[0];
    let empty = |shard, epoch| Commit { shard, epoch, ops: vec![] };
    let outcomes = store.commit(vec![start(epoch, 1, 10), start(epoch, 2, 13)]).await;
    assert!(matches!(outcomes[..], [Outcome::Unknown(_), Outcome::Unknown(_)]), "{outcomes:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let outcomes = store.commit(vec![start(epoch, 3, 10), empty(other, elsewhere)]).await;
    assert_eq!(outcomes, [Outcome::Fenced, Outcome::Committed]);
    let epoch = own(&store).await;
    assert_eq!(store.commit(vec![start(epoch, 3, 10)]).await, [Outcome::Committed]);
    assert_eq!(store.open_executions(None).await.unwrap(), 1);
}
