//! Bytes of an object by ranged reads, from a thread that may wait for them.

use std::io::Read;
use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::{Buf as _, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::layout;
use super::pages::Budget;
use crate::objects::{Failed, ObjectRef, Objects, Outcome};

/// Bytes of a page's header at most: it may quote the page's smallest and largest value.
const HEADER_BYTES: usize = 8 << 20;

/// An object of one content.
pub(super) struct Stored {
    pub(super) objects: Arc<dyn Objects>,
    pub(super) object: ObjectRef,
    pub(super) etag: Option<Arc<str>>,
    pub(super) total: u64,
    pub(super) runtime: Handle,
    /// Why bytes couldn't be had: what the decoder makes of it says less.
    failed: Mutex<Option<Failed>>,
}

impl Stored {
    pub(super) fn new(
        objects: Arc<dyn Objects>,
        object: ObjectRef,
        etag: Option<Arc<str>>,
        total: u64,
        runtime: Handle,
    ) -> Self {
        Self { objects, object, etag, total, runtime, failed: Mutex::new(None) }
    }

    /// So many bytes from a position on.
    pub(super) fn fetch(&self, from: u64, count: usize) -> Outcome<Bytes> {
        if count == 0 {
            return Ok(Bytes::new());
        }
        let get = self.objects.get(&self.object, from, count, self.etag.as_deref());
        let fetched = self.runtime.block_on(get).and_then(|part| {
            let whole = part.bytes.len() == count;
            let short =
                || Failed(format!("{} ends before byte {}.", self.object, from.saturating_add(count as u64)));
            whole.then_some(part.bytes).ok_or_else(short)
        });
        fetched.inspect_err(|failed| *self.failed.lock() = Some(failed.clone()))
    }

    /// Why bytes couldn't be had, if that was it.
    pub(super) fn take_failed(&self) -> Option<Failed> {
        self.failed.lock().take()
    }

    /// What the decoder found wrong.
    pub(super) fn damaged(&self, why: &dyn std::fmt::Display) -> Failed {
        Failed(format!("{} can't be read as Parquet: {why}", self.object))
    }
}

/// The bytes of one column of one row group, of which a window is in memory.
#[derive(Clone)]
pub(super) struct ChunkBytes(Arc<Inner>);

struct Inner {
    stored: Arc<Stored>,
    window: Mutex<Window>,
    end: u64,
    /// Bytes that are asked for at once.
    step: usize,
    budget: Arc<Budget>,
}

#[derive(Default)]
struct Window {
    from: u64,
    bytes: Bytes,
    /// What of the budget it has.
    held: usize,
}

impl ChunkBytes {
    /// The bytes up to `end`, of which `known` are there already from `from` on.
    pub(super) fn new(
        stored: Arc<Stored>,
        (from, end): (u64, u64),
        known: Bytes,
        step: usize,
        budget: Arc<Budget>,
    ) -> Result<Self> {
        let mut window = Window { from, ..Window::default() };
        budget.change(&mut window.held, known.len())?;
        window.bytes = known;
        Ok(Self(Arc::new(Inner { stored, window: Mutex::new(window), end, step, budget })))
    }

    /// What is in memory from a position on: at least so many bytes.
    fn at(&self, from: u64, count: usize) -> Result<Bytes> {
        let Inner { stored, window, end, step, budget } = &*self.0;
        if from.saturating_add(count as u64) > *end {
            return Err(ParquetError::EOF("a page goes on after its column's end".to_owned()));
        }
        let mut window = window.lock();
        let offset = from.checked_sub(window.from).and_then(|offset| usize::try_from(offset).ok());
        let offset = offset.filter(|offset| *offset <= window.bytes.len());
        let known = offset.map(|offset| window.bytes.slice(offset..)).unwrap_or_default();
        if known.len() >= count && !known.is_empty() {
            return Ok(known);
        }
        let missing = from + known.len() as u64;
        let left = usize::try_from(end - missing).unwrap_or(usize::MAX);
        let wanted = (count - known.len()).max(*step).min(left);
        budget.change(&mut window.held, known.len() + wanted)?;
        let fetched =
            stored.fetch(missing, wanted).map_err(|failed| ParquetError::External(Box::new(failed)))?;
        let bytes = if known.is_empty() {
            fetched
        } else {
            let mut joined = BytesMut::with_capacity(known.len() + fetched.len());
            joined.extend_from_slice(&known);
            joined.extend_from_slice(&fetched);
            joined.freeze()
        };
        (window.from, window.bytes) = (from, bytes.clone());
        Ok(bytes)
    }

    /// Lets go of what is in memory, if nothing comes after a position.
    fn release(&self, from: u64) -> Result<()> {
        let mut window = self.0.window.lock();
        if window.from.saturating_add(window.bytes.len() as u64) == from {
            (window.from, window.bytes) = (from, Bytes::new());
            self.0.budget.change(&mut window.held, 0)?;
        }
        Ok(())
    }

    /// A page's header, and what comes after it as far as it is in memory.
    fn header(&self, from: u64) -> Result<Bytes> {
        let left = usize::try_from(self.0.end.saturating_sub(from)).unwrap_or(usize::MAX).min(HEADER_BYTES);
        let mut count = 1;
        loop {
            let bytes = self.at(from, count.min(left))?;
            let begin = bytes.get(..left).unwrap_or(&bytes);
            if layout::is_page_header(begin) {
                return Ok(bytes);
            }
            if begin.len() >= left {
                return Err(ParquetError::General("a page's header is damaged or too large".to_owned()));
            }
            count = bytes.len().saturating_mul(2);
        }
    }
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.0.end
    }
}

impl ChunkReader for ChunkBytes {
    type T = HeaderBytes;

    fn get_read(&self, start: u64) -> Result<HeaderBytes> {
        Ok(HeaderBytes { chunk: self.clone(), at: start, here: None })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.at(start, length)?.slice(..length);
        self.release(start.saturating_add(length as u64))?;
        Ok(bytes)
    }
}

/// A page's header as it is read, if it is.
pub(super) struct HeaderBytes {
    chunk: ChunkBytes,
    at: u64,
    here: Option<Bytes>,
}

impl Read for HeaderBytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let here = match &mut self.here {
            Some(here) => here,
            none => none.insert(self.chunk.header(self.at).map_err(std::io::Error::other)?),
        };
        let count = buffer.len().min(here.len());
        here.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
