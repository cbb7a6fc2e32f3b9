//! A copy of the database taken while a process uses it, and a database made of such a copy.
//!
//! A backup reads beside the process that has the directory: SQLite lets readers of other processes see one state of a
//! database in WAL mode while its writer goes on, so no commit waits. The log isn't reset while the backup reads, and grows by
//! what is committed meanwhile. The directory's own lock isn't taken: it is for processes that write rows, and a server
//! may start and stop while a backup reads.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::archive::{self, Archive, Manifest};
use super::convert::{store_error, unsigned};
use super::{DATABASE, RESTORING, lock, schema};
use crate::Error as StoreError;

/// Pages that are copied between two words about progress.
const PAGES_AT_ONCE: i32 = 1024;
/// How long to wait for a lock that SQLite holds for moments only.
const BUSY: Duration = Duration::from_secs(30);
/// What SQLite keeps beside a database, by what is added to its name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How far a backup or a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// What is being done.
    pub step: BackupStep,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes there are.
    pub total: u64,
}

/// What a backup or a restore is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStep {
    /// Copying the database out of the data directory.
    Copying,
    /// Checking the copy.
    Checking,
    /// Writing the backup's file.
    Packing,
    /// Reading the backup's file.
    Unpacking,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What would be written is there already.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("there is no database in {}", .0.display())]
    NoDatabase(PathBuf),
    /// A file couldn't be read or written.
    #[error("{doing} {}", path.display())]
    File {
        /// What was done to it.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The backup isn't one, or isn't whole.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The database or the data directory can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged(source.to_string()),
            _ => Self::File { doing, path, source },
        }
    }
}

/// Writes a backup of the data directory's database to `file`, whether or not a process uses the directory. What was
/// committed before the call is in it. The file is there once it is whole and durable, and not before. It blocks, and takes
/// as much room beside `file` as the database has. `now` is the time that the backup says it is from.
///
/// # Errors
/// [`BackupError::Exists`] if the file is there already: nothing is overwritten.
pub fn backup(
    directory: &Path,
    file: &Path,
    now: Timestamp,
    watch: &mut dyn FnMut(BackupProgress),
) -> Result<Manifest, BackupError> {
    let database = directory.join(DATABASE);
    if directory.join(RESTORING).exists() {
        return Err(StoreError::half_restored(directory).into());
    }
    if !database.exists() {
        return Err(BackupError::NoDatabase(directory.to_owned()));
    }
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let parent = parent(file);
    let scratch = tempfile::Builder::new()
        .prefix(".newel-backup-")
        .tempdir_in(parent)
        .map_err(BackupError::file("cannot write beside", file))?;
    let copied = scratch.path().join(DATABASE);
    copy_pages(&database, &copied, watch).map_err(store_error)?;
    let (schema_version, shard_count) = check(&copied, Check::Quick, watch)?;

    let mut source = File::open(&copied).map_err(BackupError::file("cannot read", &copied))?;
    let total = source.metadata().map_err(BackupError::file("cannot read", &copied))?.len();
    let manifest = Manifest::new(now, schema_version, shard_count, total);
    let target = NamedTempFile::new_in(parent).map_err(BackupError::file("cannot write beside", file))?;
    let mut copied = |done| watch(BackupProgress { step: BackupStep::Packing, done, total });
    let mut out = BufWriter::new(target.as_file());
    archive::write(&mut out, &manifest, &mut source, &mut copied)
        .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
        .and_then(File::sync_all)
        .map_err(BackupError::file("cannot write", file))?;
    target.persist_noclobber(file).map_err(|failed| BackupError::file("cannot write", file)(failed.error))?;
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(BackupError::file("cannot write beside", file))?;
    Ok(manifest)
}

/// Makes the database of a data directory out of a backup. It blocks. The next process that opens the directory takes all
/// shards under new epochs and brings the schema to its own version, as ever.
///
/// Nothing is touched before the backup has proved to be whole. A restore that is interrupted later leaves a directory that
/// doesn't open until a restore into it has ended.
///
/// # Errors
/// [`BackupError::Exists`] if the directory has a database, unless `replace` says that it is to go;
/// [`StoreError::Unavailable`] if a process uses the directory, [`StoreError::TooNew`] if a later release made the backup.
pub fn restore(
    file: &Path,
    directory: &Path,
    replace: bool,
    watch: &mut dyn FnMut(BackupProgress),
) -> Result<Manifest, BackupError> {
    let archive = File::open(file).map_err(BackupError::file("cannot read", file))?;
    let bytes = archive.metadata().map_err(BackupError::file("cannot read", file))?.len();
    let _lock = lock(directory)?;
    let database = directory.join(DATABASE);
    let marker = directory.join(RESTORING);
    if database.exists() && !replace && !marker.exists() {
        return Err(BackupError::Exists(database));
    }
    let archive =
        Archive::open(BufReader::new(archive), bytes).map_err(BackupError::file("cannot read", file))?;
    let manifest = archive.manifest().clone();
    let (found, supported) = (manifest.schema_version, schema::latest());
    if found > supported {
        return Err(StoreError::TooNew { found, supported }.into());
    }
    let unwritable = || BackupError::file("cannot write into", directory);
    let mut scratch = NamedTempFile::new_in(directory).map_err(unwritable())?;
    let total = manifest.database_bytes;
    let mut unpacked = |done| watch(BackupProgress { step: BackupStep::Unpacking, done, total });
    archive.unpack(&mut scratch, &mut unpacked).map_err(BackupError::file("cannot read", file))?;
    let content = check(scratch.path(), Check::Full, watch)?;
    if content != (manifest.schema_version, manifest.shard_count) {
        return Err(BackupError::Damaged(
            "the database in it isn't the one that its manifest tells of".into(),
        ));
    }
    scratch.as_file().sync_all().map_err(unwritable())?;
    put_in_place(scratch, directory, &marker).map_err(unwritable())?;
    Ok(manifest)
}

/// Puts the new database where the old one is, with its log. While the marker is there the directory doesn't open: a log of
/// the old database must never be taken for the new one's, nor an old database without its log for what was committed.
fn put_in_place(scratch: NamedTempFile, directory: &Path, marker: &Path) -> io::Result<()> {
    let sync = || File::open(directory)?.sync_all();
    File::create(marker)?;
    sync()?;
    for companion in COMPANIONS {
        remove(&directory.join(format!("{DATABASE}{companion}")))?;
    }
    scratch.persist(directory.join(DATABASE)).map_err(|failed| failed.error)?;
    sync()?;
    remove(marker)?;
    sync()
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies one state of the database, page by page. The transaction that is open on the source all the while keeps that
/// state: without it SQLite would begin again whenever another process commits.
fn copy_pages(database: &Path, target: &Path, watch: &mut dyn FnMut(BackupProgress)) -> rusqlite::Result<()> {
    // Not read-only: after a crash without a server the log must be recovered before it can be read.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(database, flags)?;
    source.busy_timeout(BUSY)?;
    let page_bytes: u64 = source.query_row("PRAGMA page_size", (), |row| unsigned(row, 0))?;
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let mut copy = Connection::open(target)?;
    copy.pragma_update(None, "synchronous", "off")?;
    let pages = Backup::new(&source, &mut copy)?;
    loop {
        let step = pages.step(PAGES_AT_ONCE)?;
        let progress = pages.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * page_bytes;
        let (total, left) = (bytes(progress.pagecount), bytes(progress.remaining));
        watch(BackupProgress { step: BackupStep::Copying, done: total - left, total });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    drop(pages);
    source.execute_batch("COMMIT")?;
    // A file of its own, without a log beside it.
    copy.pragma_update(None, "journal_mode", "delete")
}

/// How much of a database is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Every page and row.
    Quick,
    /// The indexes against the rows as well.
    Full,
}

/// Finds out whether a database is sound, and gives its schema's version and its shard count.
fn check(
    database: &Path,
    extent: Check,
    watch: &mut dyn FnMut(BackupProgress),
) -> Result<(u32, u32), BackupError> {
    watch(BackupProgress { step: BackupStep::Checking, done: 0, total: 0 });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(store_error)?;
    let pragma = match extent {
        Check::Quick => "PRAGMA quick_check(1)",
        Check::Full => "PRAGMA integrity_check(1)",
    };
    let verdict: String = connection.query_row(pragma, (), |row| row.get(0)).map_err(store_error)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt(verdict).into());
    }
    match (schema::meta(&connection, "schema_version")?, schema::meta(&connection, "shard_count")?) {
        (Some(version), Some(shards)) => Ok((version, shards)),
        _ => Err(StoreError::Corrupt("it isn't a database of Newel's".to_owned()).into()),
    }
}

/// The directory that a file is in.
fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
