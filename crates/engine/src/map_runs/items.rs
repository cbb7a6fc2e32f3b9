//! Where the items of a map run come from, and how they become the inputs of its children.

use std::collections::VecDeque;

use newel_asl::limits::Limits;
use newel_asl::plan::State;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Fault, MapItems, child_input};
use newel_value::{ObjectBuilder, Payload, Str, Value};

use super::record::{OpenChild, RunPlan};

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
    fn source(&self, position: u64) -> Option<Str> {
        let mut left = position.saturating_sub(self.first);
        for source in self.page.value().get("Sources")?.as_array()? {
            let [name, items] = source.as_array()? else { return None };
            let items = u64::try_from(items.as_i64()?).ok()?;
            if left < items {
                return name.as_str().map(Str::from);
            }
            left -= items;
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

/// An item, and where it was read.
pub(super) struct Item {
    value: Value,
    source: Option<Str>,
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
            Self::State(items) => {
                let items = items.value().as_array().unwrap_or_default();
                let item = |value: &Value| Item { value: value.clone(), source: None };
                items.iter().skip(skip(0)).take(most).map(item).collect()
            }
            Self::Read(pages) => {
                let mut found = Vec::new();
                for page in pages.iter().filter(|page| page.end() > from) {
                    let items = (page.first..).zip(page.items()).skip(skip(page.first)).take(most);
                    found.extend(
                        items.map(|(at, value)| Item { value: value.clone(), source: page.source(at) }),
                    );
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

/// How the inputs of children are made.
pub(super) struct Recipe<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) state: &'a State,
    pub(super) limits: &'a Limits,
    pub(super) random: &'a dyn Fn() -> u64,
    pub(super) now: Timestamp,
}

impl Recipe<'_> {
    /// The first child that items from `first` on make, as the `index`-th; `None` if there are no items. `whole` says that no
    /// more items come after these.
    pub(super) fn next(
        &self,
        items: &[Item],
        first: u64,
        index: u32,
        whole: bool,
    ) -> Result<Option<(OpenChild, Payload)>, Fault> {
        let Some((one, _)) = items.split_first() else { return Ok(None) };
        let child = |count| OpenChild { index, first, count, redrives: 0 };
        let Some(batch) = &self.plan.settings.batch else {
            let input = self.select(first, one)?;
            return Ok(Some((child(1), child_input(&self.state.name, input, self.limits.payload_bytes)?)));
        };
        let most = batch.max_items.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let bytes = batch
            .max_bytes
            .map_or(self.limits.payload_bytes, |most| usize::try_from(most).unwrap_or(usize::MAX));
        // `{"BatchInput":…,"Items":[…]}`
        let frame = batch.input.as_ref().map_or(12, |input| 12 + 14 + input.to_json().len());
        let (mut taken, mut size) = (Vec::new(), frame);
        for (position, item) in (first..).zip(items) {
            let item = self.select(position, item)?;
            let more = item.to_json().len() + usize::from(!taken.is_empty());
            if !taken.is_empty() && size + more > bytes.min(self.limits.payload_bytes) {
                break;
            }
            size += more;
            taken.push(item);
            if taken.len() >= most {
                break;
            }
        }
        if taken.len() == items.len() && !whole && taken.len() < most {
            // What comes next may belong to the batch.
            return Ok(None);
        }
        let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        Ok(Some((child(count), self.batch(taken)?)))
    }

    /// The input of a child again that was counted as open but isn't there.
    pub(super) fn again(&self, child: OpenChild, items: &[Item]) -> Result<Payload, Fault> {
        let mut inputs = Vec::with_capacity(items.len());
        for (position, item) in (child.first..).zip(items) {
            inputs.push(self.select(position, item)?);
        }
        if self.plan.settings.batch.is_some() {
            return self.batch(inputs);
        }
        let input = inputs.pop().unwrap_or(Value::Null);
        child_input(&self.state.name, input, self.limits.payload_bytes)
    }

    fn select(&self, position: u64, item: &Item) -> Result<Value, Fault> {
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        let source = item.source.as_ref();
        self.plan.scope.select(self.state, index, &item.value, source, (self.random, self.now))
    }

    fn batch(&self, items: Vec<Value>) -> Result<Payload, Fault> {
        let mut input = ObjectBuilder::with_capacity(2);
        input.insert_some(
            "BatchInput",
            self.plan.settings.batch.as_ref().and_then(|batch| batch.input.clone()),
        );
        input.insert("Items", items);
        child_input(&self.state.name, input.build().into(), self.limits.payload_bytes)
    }
}
