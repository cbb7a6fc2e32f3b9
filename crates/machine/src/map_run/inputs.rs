//! How items become the inputs of children.

use newel_asl::limits::Limits;
use newel_asl::plan::State;
use newel_asl::timestamp::Timestamp;
use newel_asl::transfer::Source;
use newel_value::{ObjectBuilder, Payload, Str, Value};

use super::{ItemScope, MapSettings};
use crate::event::Fault;
use crate::fault::StateError;
use crate::size;

/// An item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// It.
    pub value: Value,
    /// Its name, if it is the member of an object.
    pub key: Option<Value>,
    /// Where it was read, unless it is of the state's data.
    pub source: Option<Str>,
}

impl Item {
    /// An item that was read: of a source that has members it is the object that stands for one.
    #[must_use]
    pub fn read(value: &Value, source: Option<&Source>) -> Self {
        let members = source.is_some_and(|source| source.members);
        let (key, value) = match (members, value.get("Key"), value.get("Value")) {
            (true, Some(key), Some(value)) => (Some(key.clone()), value.clone()),
            _ => (None, value.clone()),
        };
        Self { value, key, source: source.map(|source| Str::clone(&source.name)) }
    }

    /// The items that a value has, from a position on and at most so many: the elements of an array, or the members of an object.
    #[must_use]
    pub fn of(value: &Value, from: usize, most: usize) -> Vec<Self> {
        let element = |value: &Value| Self { value: value.clone(), key: None, source: None };
        let member = |(key, value): (&Str, &Value)| Self {
            value: value.clone(),
            key: Some(Str::clone(key).into()),
            source: None,
        };
        match value {
            Value::Array(items) => items.iter().skip(from).take(most).map(element).collect(),
            Value::Object(members) => members.iter().skip(from).take(most).map(member).collect(),
            _ => Vec::new(),
        }
    }

    /// How many items a value has.
    #[must_use]
    pub fn count_of(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        }
    }

    /// What a child gets that isn't told what to make of it.
    #[must_use]
    pub fn whole(&self) -> Value {
        match &self.key {
            None => self.value.clone(),
            Some(key) => {
                let mut member = ObjectBuilder::with_capacity(2);
                member.insert("Key", key.clone()).insert("Value", self.value.clone());
                member.build().into()
            }
        }
    }
}

/// How the inputs of children are made.
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    /// The run's settings.
    pub settings: &'a MapSettings,
    /// What inputs are made of.
    pub scope: &'a ItemScope,
    /// The Map state.
    pub state: &'a State,
    /// The limits in force.
    pub limits: &'a Limits,
    /// Random 64-bit numbers.
    pub random: &'a dyn Fn() -> u64,
    /// What time it is.
    pub now: Timestamp,
}

impl std::fmt::Debug for Recipe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipe").field("state", &self.state.name).finish_non_exhaustive()
    }
}

impl Recipe<'_> {
    /// How many of the items from `first` on the next child gets, and its input; `None` if there are no items, or if what comes
    /// after them may belong to the same child. `whole` says that no more come.
    ///
    /// # Errors
    /// What the map run fails with.
    pub fn next(&self, items: &[Item], first: u64, whole: bool) -> Result<Option<(u32, Payload)>, Fault> {
        let Some((one, _)) = items.split_first() else { return Ok(None) };
        let Some(batch) = &self.settings.batch else {
            return Ok(Some((1, self.checked(self.select(first, one)?)?)));
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
        Ok(Some((count, self.batch(taken)?)))
    }

    /// The input of a child again, of the items that it got, which begin with the `first`-th.
    ///
    /// # Errors
    /// What the map run fails with.
    pub fn again(&self, items: &[Item], first: u64) -> Result<Payload, Fault> {
        let mut inputs = Vec::with_capacity(items.len());
        for (position, item) in (first..).zip(items) {
            inputs.push(self.select(position, item)?);
        }
        if self.settings.batch.is_some() {
            return self.batch(inputs);
        }
        self.checked(inputs.pop().unwrap_or(Value::Null))
    }

    fn select(&self, position: u64, item: &Item) -> Result<Value, Fault> {
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        self.scope.select(self.state, index, item, (self.random, self.now))
    }

    fn batch(&self, items: Vec<Value>) -> Result<Payload, Fault> {
        let mut input = ObjectBuilder::with_capacity(2);
        input.insert_some("BatchInput", self.settings.batch.as_ref().and_then(|batch| batch.input.clone()));
        input.insert("Items", items);
        self.checked(input.build().into())
    }

    /// An input, checked against the limit on payloads.
    fn checked(&self, input: Value) -> Result<Payload, Fault> {
        let limit = self.limits.payload_bytes;
        let too_large = || StateError::too_large(&self.state.name).fault;
        size::check(&input, limit).map_err(|_| too_large())?;
        let payload = Payload::from(input);
        if payload.text().len() > limit { Err(too_large()) } else { Ok(payload) }
    }
}
