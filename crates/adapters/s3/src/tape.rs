//! A file as its bytes come: a window of it in memory, from which items are taken off the front.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use newel_asl::transfer::ITEM_BYTES;

use crate::objects::{Failed, ObjectRef, Objects, Outcome};
use crate::unpack::{Packing, Unpacked};

/// Bytes that are asked for at once.
const WINDOW: usize = 1 << 20;

/// Where bytes come from, in order.
#[async_trait]
pub(crate) trait Source: Send {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Outcome<Option<Bytes>>;

    /// What tells the content from another that the key may have later, once known.
    fn etag(&self) -> Option<Arc<str>>;
}

/// An object as it is stored.
pub(crate) struct Stored {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) object: ObjectRef,
    pub(crate) position: u64,
    pub(crate) etag: Option<Arc<str>>,
    total: Option<u64>,
}

#[async_trait]
impl Source for Stored {
    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        if self.total.is_some_and(|total| self.position >= total) {
            return Ok(None);
        }
        let part = self.objects.get(&self.object, self.position, WINDOW, self.etag.as_deref()).await?;
        self.etag = self.etag.take().or(part.etag);
        self.total = Some(part.total);
        self.position += u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        if part.bytes.is_empty() {
            self.total = Some(self.position);
            return Ok(None);
        }
        Ok(Some(part.bytes))
    }

    fn etag(&self) -> Option<Arc<str>> {
        self.etag.clone()
    }
}

/// A file being read.
pub(crate) struct Tape {
    source: Box<dyn Source>,
    buffer: Vec<u8>,
    /// What of the buffer is taken off already.
    taken: usize,
    position: u64,
    ended: bool,
}

impl Tape {
    /// Opens a file, unpacked if its name says that it is packed, at a position. With an ETag, only that content.
    pub(crate) async fn open(
        objects: Arc<dyn Objects>,
        object: &ObjectRef,
        position: u64,
        etag: Option<Arc<str>>,
    ) -> Outcome<Self> {
        let packing = Packing::of(&object.key);
        let from = if packing.is_some() { 0 } else { position };
        let stored = Stored { objects, object: object.clone(), position: from, etag, total: None };
        let Some(packing) = packing else { return Ok(Self::new(Box::new(stored), position)) };
        let mut tape = Self::new(Box::new(Unpacked::new(stored, packing)?), 0);
        // A packed file can only be read from its start.
        tape.skip(position).await?;
        Ok(tape)
    }

    pub(crate) fn new(source: Box<dyn Source>, position: u64) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, position, ended: false }
    }

    async fn skip(&mut self, mut count: u64) -> Outcome<()> {
        while count > 0 {
            let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.rest().len());
            self.take(here);
            count -= u64::try_from(here).unwrap_or(count);
            if count > 0 && !self.more().await? {
                return Err(Failed::new("The file is shorter than it was when reading it began."));
            }
        }
        Ok(())
    }

    /// What is in memory and not taken off.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Takes bytes off the front.
    pub(crate) fn take(&mut self, count: usize) {
        self.taken += count;
        self.position += u64::try_from(count).unwrap_or(0);
    }

    /// Where the front is in the file, unpacked.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Whether nothing comes after what is in memory.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn etag(&self) -> Option<Arc<str>> {
        self.source.etag()
    }

    /// Gets more into memory; says whether there was more.
    ///
    /// # Errors
    /// When it can't be read, or when what is in memory is more than an item may be and none has been taken off it.
    pub(crate) async fn more(&mut self) -> Outcome<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.rest().len() > ITEM_BYTES {
            return Err(Failed(format!(
                "The item at byte {} is larger than {ITEM_BYTES} bytes, which is the most that an item may have.",
                self.position
            )));
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        match self.source.next().await? {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => self.ended = true,
        }
        Ok(!self.ended)
    }

    /// The first byte, if there is one.
    pub(crate) async fn first(&mut self) -> Outcome<Option<u8>> {
        while self.rest().is_empty() {
            if !self.more().await? {
                return Ok(None);
            }
        }
        Ok(self.rest().first().copied())
    }

    /// Takes off a byte order mark.
    pub(crate) async fn skip_mark(&mut self) -> Outcome<()> {
        while self.rest().len() < 3 && self.more().await? {}
        if self.rest().starts_with(b"\xef\xbb\xbf") {
            self.take(3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, object};

    #[tokio::test]
    async fn bytes_are_taken_off_across_windows_and_positions_count_on() {
        let content: Vec<u8> = (0..3 * WINDOW / 2).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let memory = Memory::with("k", content.clone());
        let mut tape = Tape::open(memory.clone(), &object("k"), 5, None).await.unwrap();
        let mut read = Vec::new();
        while tape.first().await.unwrap().is_some() {
            read.extend_from_slice(tape.rest());
            tape.take(tape.rest().len());
        }
        assert!(read == content[5..] && tape.position() == content.len() as u64);
        assert_eq!(memory.gets(), 2);
        let mut past = Tape::open(memory, &object("k"), content.len() as u64, None).await.unwrap();
        assert_eq!(past.first().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_has_changed_is_not_read_on() {
        let memory = Memory::with("k", b"abc".to_vec());
        let mut tape = Tape::open(memory.clone(), &object("k"), 0, Some("\"other\"".into())).await.unwrap();
        assert_eq!(tape.first().await.unwrap_err().0, "S3://b/k has changed since reading it began.");
    }

    #[tokio::test]
    async fn what_is_larger_than_an_item_is_refused() {
        let memory = Memory::with("k", vec![b'x'; ITEM_BYTES + 3 * WINDOW]);
        let mut tape = Tape::open(memory, &object("k"), 0, None).await.unwrap();
        let failed = loop {
            match tape.more().await {
                Ok(more) => assert!(more),
                Err(failed) => break failed,
            }
        };
        assert!(failed.0.starts_with("The item at byte 0 is larger than 8388608 bytes"), "{failed}");
    }
}
