//! Bytes of an object by ranged reads, from a thread that may wait for them.

use std::io::Read;
use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::{Buf as _, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::runtime::Handle;

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
}

struct Window {
    from: u64,
    bytes: Bytes,
}

impl ChunkBytes {
    /// The bytes up to `end`, of which `known` are there already from `from` on.
    pub(super) fn new(stored: Arc<Stored>, from: u64, known: Bytes, end: u64, step: usize) -> Self {
        Self(Arc::new(Inner { stored, window: Mutex::new(Window { from, bytes: known }), end, step }))
    }

    /// What is in memory from a position on: at least so many bytes.
    fn at(&self, from: u64, count: usize) -> Result<Bytes> {
        let Inner { stored, window, end, step } = &*self.0;
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
        *window = Window { from, bytes: bytes.clone() };
        Ok(bytes)
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
        Ok(HeaderBytes { chunk: self.clone(), at: start, here: Bytes::new(), left: HEADER_BYTES })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        Ok(self.at(start, length)?.slice(..length))
    }
}

/// A page's header as it is read.
pub(super) struct HeaderBytes {
    chunk: ChunkBytes,
    at: u64,
    here: Bytes,
    left: usize,
}

impl Read for HeaderBytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::Error::other("a page's header is too large"));
        }
        if self.here.is_empty() {
            if self.at >= self.chunk.0.end {
                return Ok(0);
            }
            self.here = self.chunk.at(self.at, 1).map_err(std::io::Error::other)?;
            self.at += self.here.len() as u64;
        }
        let count = buffer.len().min(self.here.len()).min(self.left);
        self.here.copy_to_slice(&mut buffer[..count]);
        self.left -= count;
        Ok(count)
    }
}
