//! Parquet: rows put together from the columns of a file, which is read by ranges.
//!
//! A cursor is a row of a row group. What is in memory is a file's footer, a window of the bytes of each of a row group's
//! columns, and of each column its dictionary and, unpacked, the pages of the rows that are decoded at once. So going on in the
//! middle of a row group costs a look at the headers of the pages that are passed over, and files that were read up to somewhere
//! are kept for a while.
//!
//! Files are what anybody may have written. What they say of themselves isn't believed: footers and the headers of pages
//! (`thrift.rs`, `layout.rs`), pages (`pages.rs`, `codec.rs`, `delta.rs`) and rows (`rows.rs`) are held against bounds before room
//! is made for them. The decoder may panic all the same; that ends the reading of its file. Decoding is work for the processor
//! and has threads of its own.
//!
//! Where to start: this file for what is read, `footer.rs` for how a file is opened, `rows.rs` for how rows are made,
//! `schema.rs` and `scalar.rs` for what they look like.

mod codec;
mod column;
mod delta;
mod footer;
#[cfg(test)]
mod hostile_tests;
mod layout;
mod pages;
mod rows;
mod scalar;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod thrift;
mod time;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::parquet::errors::ParquetError;
use newel_value::{ObjectBuilder, Value};
use newel_worker::Identity;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use footer::Footer;
use rows::RowGroup;
use source::Stored;

use crate::objects::{Failed, ObjectRef, Objects, Outcome};
use crate::page::PageBuilder;

/// MiB that all open files may take.
const MEMORY_MIB: u32 = 256;
/// MiB that understanding a footer is reckoned with.
const LEAST_MIB: u32 = 32;
/// MiB of a row group that may be in memory whatever the file says of its size.
const GROUP_MIB: u32 = 64;
/// Files that are kept at most.
const KEPT: usize = 8;
/// Bytes that are asked for first, of the beginning and of the end: many files have no more, and most footers.
const ENDS: usize = 64 << 10;
/// Bytes of a footer above which understanding it is reckoned with half the memory.
const LARGE_FOOTER: usize = 256 << 10;
const MIB: u64 = 1 << 20;

/// Where reading goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    group: usize,
    row: u64,
}

/// Which file of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    identity: Identity,
    object: ObjectRef,
    etag: Option<Arc<str>>,
}

/// Files that are read, and that were read up to somewhere.
#[derive(Debug)]
pub(crate) struct Readers {
    memory: Arc<Semaphore>,
    /// Who waits for memory: for as long as there is somebody, nothing is kept.
    waiting: AtomicUsize,
    kept: Mutex<Vec<(Place, Reader)>>,
}

impl Default for Readers {
    fn default() -> Self {
        let memory = Arc::new(Semaphore::new(MEMORY_MIB as usize));
        Self { memory, waiting: AtomicUsize::new(0), kept: Mutex::default() }
    }
}

/// Somebody who waits for memory.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An open file.
struct Reader {
    stored: Arc<Stored>,
    footer: Footer,
    group: Option<RowGroup>,
    /// Bytes of a row group that may be in memory.
    most: usize,
    _memory: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.stored.object).finish()
    }
}

/// Rows for a page.
#[derive(Default)]
struct Taken {
    rows: Vec<(Value, usize)>,
    /// Where the next page begins; `None` at the end of the file.
    next: Option<Position>,
}

impl Readers {
    /// Reads rows into a page, from a cursor on; gives the next cursor, or `None` at the end of the file.
    pub(crate) async fn read(
        &self,
        objects: &Arc<dyn Objects>,
        object: &ObjectRef,
        cursor: Option<&Value>,
        page: &mut PageBuilder,
    ) -> Outcome<Option<Value>> {
        if object.version.is_some() {
            return Err(Failed::new("VersionId can't be given for files of InputType PARQUET."));
        }
        let member = |name: &str| cursor.and_then(|cursor| cursor.get(name));
        let number = |name: &str| member(name).and_then(Value::as_i64).and_then(|at| u64::try_from(at).ok());
        let position = Position {
            group: number("Group").and_then(|group| usize::try_from(group).ok()).unwrap_or(0),
            row: number("Row").unwrap_or(0),
        };
        let etag: Option<Arc<str>> = member("ETag").and_then(Value::as_str).map(Arc::from);
        let place = Place { identity: objects.identity().clone(), object: object.clone(), etag };
        let mut reader = match self.take(&place, position) {
            Some(reader) => reader,
            None => self.open(objects, &place).await?,
        };
        page.from(object.to_string());
        let (items, bytes) = (page.room(), page.bytes_left());
        let (reader, taken) = apart(object, move || {
            let taken = reader.rows(position, items, bytes);
            (reader, taken)
        })
        .await?;
        let taken = taken?;
        for (row, bytes) in taken.rows {
            page.push(row, bytes);
        }
        let Some(next) = taken.next else { return Ok(None) };
        let mut cursor = ObjectBuilder::with_capacity(3);
        cursor.insert("Group", i64::try_from(next.group).unwrap_or(i64::MAX));
        cursor.insert("Row", i64::try_from(next.row).unwrap_or(i64::MAX));
        cursor.insert_some("ETag", reader.stored.etag.as_deref());
        self.keep(place, reader);
        Ok(Some(cursor.build().into()))
    }

    /// A file that was kept and can be read on from a position: it isn't past it in its row group.
    fn take(&self, place: &Place, position: Position) -> Option<Reader> {
        let mut kept = self.kept.lock();
        let found = kept.iter().position(|(known, reader)| {
            let before = reader.group.as_ref().is_none_or(|group| {
                group.number < position.group || (group.number == position.group && group.row <= position.row)
            });
            place.etag.is_some() && known == place && before
        });
        found.map(|found| kept.remove(found).1)
    }

    /// Keeps a file for when it is read on.
    fn keep(&self, mut place: Place, reader: Reader) {
        place.etag.clone_from(&reader.stored.etag);
        let mut kept = self.kept.lock();
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return;
        }
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((place, reader));
    }

    /// Gets memory for a file. What is kept makes way, the oldest first.
    async fn memory(&self, mib: u32) -> Outcome<OwnedSemaphorePermit> {
        let waiting = {
            let mut kept = self.kept.lock();
            loop {
                match Arc::clone(&self.memory).try_acquire_many_owned(mib) {
                    Ok(permit) => return Ok(permit),
                    Err(_) if kept.is_empty() => break,
                    Err(_) => drop(kept.remove(0)),
                }
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            Waiting(&self.waiting)
        };
        let permit = Arc::clone(&self.memory).acquire_many_owned(mib).await;
        drop(waiting);
        permit.map_err(|_| Failed::new("The worker is ending."))
    }

    /// Opens a file.
    async fn open(&self, objects: &Arc<dyn Objects>, place: &Place) -> Outcome<Reader> {
        let object = &place.object;
        let first = objects.get(object, 0, ENDS, place.etag.as_deref()).await?;
        let etag = place.etag.clone().or(first.etag);
        let runtime = Handle::current();
        let stored = Arc::new(Stored::new(Arc::clone(objects), object.clone(), etag, first.total, runtime));
        let bytes = {
            let stored = Arc::clone(&stored);
            apart(object, move || {
                let ends = u64::try_from(ENDS).unwrap_or(u64::MAX);
                let last = match stored.total.checked_sub(ends) {
                    Some(from) if from > 0 => stored.fetch(from, ENDS)?,
                    _ => first.bytes,
                };
                footer::bytes(&stored, &last)
            })
            .await??
        };
        let mib = if bytes.len() > LARGE_FOOTER { MEMORY_MIB / 2 } else { LEAST_MIB };
        let memory = self.memory(mib).await?;
        let footer = {
            let stored = Arc::clone(&stored);
            apart(object, move || footer::understand(&stored, &bytes)).await??
        };
        // Who holds memory mustn't wait for more.
        drop(memory);
        let mib = |bytes: u64| u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
        let known = mib(footer.metadata.memory_size() as u64);
        // Decoded, a value may take more than stored.
        let group = mib(footer.largest().saturating_mul(2));
        let group = group.clamp(GROUP_MIB, MEMORY_MIB.saturating_sub(known).max(GROUP_MIB));
        let memory = self.memory(group.saturating_add(known).min(MEMORY_MIB)).await?;
        Ok(Reader { stored, footer, group: None, most: group as usize * (1 << 20), _memory: memory })
    }
}

impl Reader {
    /// Rows from a position on: at most so many, and until they have so many bytes.
    fn rows(&mut self, position: Position, items: u64, bytes: u64) -> Outcome<Taken> {
        let mut at = position;
        self.try_rows(&mut at, items, bytes).map_err(|error| {
            let why = match &error {
                ParquetError::General(why) | ParquetError::NYI(why) | ParquetError::EOF(why) => why.clone(),
                other => other.to_string(),
            };
            let damaged =
                || self.stored.damaged(&format!("{why} (row {} of row group {})", at.row, at.group));
            self.stored.take_failed().unwrap_or_else(damaged)
        })
    }

    fn try_rows(&mut self, at: &mut Position, items: u64, bytes: u64) -> Result<Taken, ParquetError> {
        let mut taken = Taken::default();
        let mut size = 0_u64;
        loop {
            let Some(group) = self.footer.metadata.row_groups().get(at.group) else { return Ok(taken) };
            if u64::try_from(group.num_rows()).unwrap_or(0) <= at.row {
                *at = Position { group: at.group + 1, row: 0 };
                self.group = None;
                continue;
            }
            if taken.rows.len() as u64 >= items || size >= bytes {
                taken.next = Some(*at);
                return Ok(taken);
            }
            let group = match &mut self.group {
                Some(group) if group.number == at.group && group.row <= at.row => group,
                // The one before goes first.
                other => {
                    *other = None;
                    other.insert(RowGroup::open(&self.stored, &self.footer.metadata, at.group, self.most)?)
                }
            };
            if group.row < at.row {
                group.skip_to(at.row)?;
            }
            let (row, length) = group.next(&self.footer.row)?;
            size = size.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            taken.rows.push((row, length));
            at.row += 1;
        }
    }
}

/// Has something done on a thread that may wait and calculate. A panic there is the file's fault.
async fn apart<T: Send + 'static>(
    object: &ObjectRef,
    work: impl FnOnce() -> T + Send + 'static,
) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let why = match error.try_into_panic() {
            Ok(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
                format!("the decoder gave up ({})", text.chars().take(200).collect::<String>())
            }
            Err(_) => "the worker is ending".to_owned(),
        };
        Failed(format!("{object} can't be read as Parquet: {why}"))
    })
}
