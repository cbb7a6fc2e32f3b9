//! Where the items of a map run come from.

use std::collections::VecDeque;

use newel_asl::transfer::Source;
use newel_machine::{Item, MapItems};
use newel_value::{Payload, Value};

use super::record::OpenChild;

/// The items of a run that are at hand. The same position always has the same item.
#[derive(Debug)]
pub(super) enum Items {
    /// All of them: those of the state's own data.
    State(Payload),
    /// Pages of what is elsewhere, in order.
    Read(VecDeque<ReadItems>),
}

/// A page of items.
#[derive(Debug)]
pub(super) struct ReadItems {
    /// The position of its first item.
    pub(super) first: u64,
    /// The page as the worker reported it.
    pub(super) page: Payload,
}

impl ReadItems {
    fn items(&self) -> &[Value] {
        self.page.value().get("Items").and_then(Value::as_array).unwrap_or_default()
    }

    /// Where an item of it is from.
    fn source(&self, position: u64) -> Option<Source> {
        let mut left = position.saturating_sub(self.first);
        for source in self.page.value().get("Sources")?.as_array()? {
            let source = Source::try_from(source).ok()?;
            if left < source.items {
                return Some(source);
            }
            left -= source.items;
        }
        None
    }

    /// The position after its last item.
    pub(super) fn end(&self) -> u64 {
        self.first + count(self.items())
    }

    /// Where the page after it begins, if there is one.
    pub(super) fn cursor(&self) -> Option<Value> {
        self.page.value().get("Cursor").cloned()
    }
}

fn count<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

impl Items {
    /// What of a run's items needn't be read first.
    pub(super) fn of(items: &MapItems) -> Self {
        match items {
            MapItems::State(items) => Self::State(items.clone()),
            MapItems::Reader { .. } => Self::Read(VecDeque::new()),
        }
    }

    /// Items from a position on, at most so many; fewer where no more are at hand.
    pub(super) fn at(&self, from: u64, most: usize) -> Vec<Item> {
        let skip = |first: u64| usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        match self {
            Self::State(items) => Item::of(items.value(), skip(0), most),
            Self::Read(pages) => {
                let mut found = Vec::new();
                for page in pages.iter().filter(|page| page.end() > from) {
                    let items = (page.first..).zip(page.items()).skip(skip(page.first)).take(most);
                    found.extend(items.map(|(at, value)| Item::read(value, page.source(at).as_ref())));
                    if found.len() >= most {
                        found.truncate(most);
                        break;
                    }
                }
                found
            }
        }
    }

    /// Bytes of the pages that have items from a position on.
    pub(super) fn bytes_from(&self, from: u64) -> usize {
        match self {
            Self::State(_) => 0,
            Self::Read(pages) => {
                pages.iter().filter(|page| page.end() > from).map(|page| page.page.text().len()).sum()
            }
        }
    }
}

/// Children that are about to begin, and the input of each.
pub(super) type Page = Vec<(OpenChild, Payload)>;
