//! Where the items of a map run come from, and how they become the inputs of its children.

use async_trait::async_trait;
use newel_asl::error;
use newel_asl::limits::Limits;
use newel_asl::plan::State;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Fault, MapItems, child_input};
use newel_value::{ObjectBuilder, Payload, Value};

use super::record::{OpenChild, RunPlan};

/// Gives items in order. The same position always has the same item.
#[async_trait]
pub(super) trait ItemSource: Send + Sync {
    /// How many items there are.
    fn total(&self) -> u64;

    /// Items from a position on, at most so many; fewer only at the end.
    async fn read(&self, from: u64, most: usize) -> Result<Vec<Value>, Fault>;
}

/// The items of the state's own data.
struct StateItems(Payload);

#[async_trait]
impl ItemSource for StateItems {
    fn total(&self) -> u64 {
        u64::try_from(self.0.value().as_array().map_or(0, <[_]>::len)).unwrap_or(u64::MAX)
    }

    async fn read(&self, from: u64, most: usize) -> Result<Vec<Value>, Fault> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let items = self.0.value().as_array().unwrap_or_default();
        Ok(items.iter().skip(from).take(most).cloned().collect())
    }
}

/// Where a run's items come from.
///
/// # Errors
/// What the run fails with when they can't be read.
pub(super) fn source(items: &MapItems) -> Result<Box<dyn ItemSource>, Fault> {
    match items {
        MapItems::State(items) => Ok(Box::new(StateItems(items.clone()))),
        MapItems::Reader { resource, .. } => Err(Fault {
            error: Some(error::ITEM_READER_FAILED.into()),
            cause: Some(
                format!(
                    "This release of Newel has no reader for {resource}: give the items in the state's input."
                )
                .into(),
            ),
        }),
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
        items: &[Value],
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
    pub(super) fn again(&self, child: OpenChild, items: &[Value]) -> Result<Payload, Fault> {
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

    fn select(&self, position: u64, item: &Value) -> Result<Value, Fault> {
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        self.plan.scope.select(self.state, index, item, (self.random, self.now))
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
