//! A page of items being made.

use newel_asl::transfer::{PAGE_BYTES, Page, Source};
use newel_value::{Str, Value};

/// Items so far.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    items: Vec<Value>,
    sources: Vec<Source>,
    bytes: u64,
    most: u64,
}

impl PageBuilder {
    /// An empty page that takes at most so many items.
    pub(crate) const fn new(most: u64) -> Self {
        Self { items: Vec::new(), sources: Vec::new(), bytes: 0, most }
    }

    /// Where the items that come now are from.
    pub(crate) fn from(&mut self, source: impl Into<Str>) {
        self.sources.push(Source { name: source.into(), items: 0, members: false });
    }

    /// The items that come now are members of an object.
    pub(crate) fn of_members(&mut self) {
        if let Some(source) = self.sources.last_mut() {
            source.members = true;
        }
    }

    /// Takes an item of about so many bytes.
    pub(crate) fn push(&mut self, item: Value, bytes: usize) {
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        self.items.push(item);
        if let Some(source) = self.sources.last_mut() {
            source.items += 1;
        }
    }

    /// Whether it takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= PAGE_BYTES || self.room() == 0
    }

    /// How many more items it takes.
    pub(crate) fn room(&self) -> u64 {
        self.most.saturating_sub(u64::try_from(self.items.len()).unwrap_or(u64::MAX))
    }

    /// After how many more bytes it takes no more.
    pub(crate) fn bytes_left(&self) -> u64 {
        PAGE_BYTES.saturating_sub(self.bytes)
    }

    /// The page.
    pub(crate) fn build(self, cursor: Option<Value>) -> Page {
        let sources = self.sources.into_iter().filter(|source| source.items > 0).collect();
        Page { items: self.items, cursor, sources }
    }
}
