//! Backups of a store at work, and what becomes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use newel_asl::timestamp::Timestamp;
use rusqlite::Connection;

use super::tests::{SHARD, open, options, own, start};
use super::{BackupError, BackupStep, DATABASE, Manifest, RESTORING, SqliteStore, backup, restore};
use crate::{Error, Outcome, Store};

fn taken(directory: &Path, file: &Path) -> Result<Manifest, BackupError> {
    backup(directory, file, Timestamp::from_millis(1_500), &mut |_| {})
}

fn restored(file: &Path, directory: &Path) -> Result<Manifest, BackupError> {
    restore(file, directory, false, &mut |_| {})
}

async fn put(store: &SqliteStore, epoch: crate::Epoch, number: u64) {
    assert_eq!(store.commit(vec![start(epoch, number, 500)]).await, [Outcome::Committed]);
}

/// A directory with `count` executions, closed, and a backup of it beside it.
async fn backed_up(root: &Path, count: u64) -> PathBuf {
    let store = open(&root.join("original"));
    let epoch = own(&store).await;
    for number in 0..count {
        put(&store, epoch, number).await;
    }
    let file = root.join("backup");
    taken(&root.join("original"), &file).unwrap();
    file
}

#[tokio::test]
async fn what_was_committed_before_is_in_it_and_the_writer_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (original, copy) = (root.path().join("original"), root.path().join("copy"));
    let store = Arc::new(open(&original));
    let epoch = own(&store).await;
    for number in 0..200 {
        put(&store, epoch, number).await;
    }
    let (runtime, before, committed) = (tokio::runtime::Handle::current(), 200, AtomicU64::new(200));
    let file = root.path().join("backup");
    let (from, to, writer) = (original.clone(), file.clone(), Arc::clone(&store));
    let steps = tokio::task::spawn_blocking(move || {
        let mut steps = Vec::new();
        let manifest = backup(&from, &to, Timestamp::from_millis(1_500), &mut |progress| {
            // Commits in the middle of it neither wait for it nor make it begin again.
            runtime.block_on(put(&writer, epoch, committed.fetch_add(1, Ordering::Relaxed)));
            steps.push(progress.step);
        });
        (manifest.unwrap(), steps, committed.into_inner())
    });
    let (manifest, steps, committed) = steps.await.unwrap();
    assert!(
        committed > before && steps.contains(&BackupStep::Copying) && steps.contains(&BackupStep::Packing)
    );
    assert_eq!((manifest.taken_at.as_str(), manifest.shard_count), ("1970-01-01T00:00:01.500Z", 16));
    assert_eq!(restored(&file, &copy).unwrap(), manifest);
    assert_eq!(open(&copy).open_executions(None).await.unwrap(), before);
    assert_eq!(store.open_executions(None).await.unwrap(), committed);
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test]
async fn a_restored_store_has_new_owners() {
    let root = tempfile::tempdir().unwrap();
    let original = open(&root.path().join("original"));
    let old = own(&original).await;
    put(&original, old, 1).await;
    let (file, copy) = (root.path().join("backup"), root.path().join("copy"));
    taken(&root.path().join("original"), &file).unwrap();
    restored(&file, &copy).unwrap();
    let store = open(&copy);
    let new = store.acquire(&[SHARD]).await.unwrap()[0];
    assert!(new > old);
    assert_eq!(store.commit(vec![start(old, 2, 10)]).await, [Outcome::Fenced]);
    put(&store, new, 2).await;
}

#[tokio::test]
async fn nothing_is_overwritten_unasked_and_nothing_in_use_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let file = backed_up(root.path(), 3).await;
    let (original, copy) = (root.path().join("original"), root.path().join("copy"));
    assert!(matches!(taken(&original, &file), Err(BackupError::Exists(path)) if path == file));
    assert!(matches!(taken(root.path(), &root.path().join("new")), Err(BackupError::NoDatabase(_))));
    restored(&file, &copy).unwrap();
    assert!(matches!(restored(&file, &copy), Err(BackupError::Exists(_))));
    let store = open(&copy);
    let epoch = own(&store).await;
    put(&store, epoch, 77).await;
    let Err(BackupError::Store(Error::Unavailable(why))) = restore(&file, &copy, true, &mut |_| {}) else {
        panic!("a directory that is in use must stay as it is");
    };
    assert!(why.contains("another process"), "{why}");
    drop(store);
    restore(&file, &copy, true, &mut |_| {}).unwrap();
    assert_eq!(open(&copy).open_executions(None).await.unwrap(), 3);
}

#[tokio::test]
async fn a_damaged_backup_leaves_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let file = backed_up(root.path(), 3).await;
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let original = root.path().join("original");
    let failed = restore(&file, &original, true, &mut |_| {}).unwrap_err();
    assert!(matches!(&failed, BackupError::Damaged(_)), "{failed:?}");
    assert_eq!(open(&original).open_executions(None).await.unwrap(), 3);
    assert!(restored(&file, &root.path().join("copy")).is_err());
    assert!(!root.path().join("copy").join(DATABASE).exists());
}

#[tokio::test]
async fn a_directory_whose_restore_was_interrupted_only_takes_a_restore() {
    let root = tempfile::tempdir().unwrap();
    let file = backed_up(root.path(), 3).await;
    let original = root.path().join("original");
    // As a process leaves it that is killed between taking the log away and putting the new database in place.
    fs::write(original.join(RESTORING), "").unwrap();
    assert!(
        matches!(SqliteStore::open(&original, &options()), Err(Error::Corrupt(why)) if why.contains("again"))
    );
    assert!(taken(&original, &root.path().join("second")).is_err());
    restored(&file, &original).unwrap();
    assert_eq!(open(&original).open_executions(None).await.unwrap(), 3);
}

#[tokio::test]
async fn a_later_releases_backup_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let original = root.path().join("original");
    drop(open(&original));
    let database = Connection::open(original.join(DATABASE)).unwrap();
    database.execute("UPDATE meta SET value = 999 WHERE name = 'schema_version'", ()).unwrap();
    drop(database);
    let file = root.path().join("backup");
    taken(&original, &file).unwrap();
    let failed = restored(&file, &root.path().join("copy")).unwrap_err();
    assert!(matches!(failed, BackupError::Store(Error::TooNew { found: 999, .. })), "{failed:?}");
}
