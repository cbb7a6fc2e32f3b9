//! What an expression works on: JSON, and what isn't JSON.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use newel_value::{Number, Object, ObjectBuilder, Str, Value};
use rustc_hash::FxHashMap;

use crate::budget::Budget;
use crate::error::OVER_DEPTH;
use crate::function::Function;
use crate::node::Sym;
use crate::{EvalError, text};

/// How deep arrays, objects and functions made by an expression may nest.
const MAX_BUILT_DEPTH: u16 = 1_000;

/// From this many members on, a record is looked up through an index.
const INDEX_FROM: usize = 16;

/// What an element of an array is charged when the array is made. What an array is charged while it grows comes on top,
/// and pays for the room that growing leaves unused.
const ITEM_BYTES: usize = 24;

/// The same for a member of an object.
const MEMBER_BYTES: usize = 48;

/// Any value that evaluating meets. Cloning copies a pointer at most.
#[derive(Clone)]
pub(crate) enum Item {
    /// No value: a missing field, an empty sequence.
    Undefined,
    /// A number that was computed. Unlike a JSON number it may be infinite, or none.
    Number(f64),
    /// JSON that came from outside.
    Value(Value),
    /// An array that was made here.
    List(Rc<List>),
    /// An object that was made here.
    Record(Rc<Record>),
    /// A function.
    Function(Rc<Function>),
    /// What a path with variables bound by `@`, `#` or `%` hands to the step around it.
    Tuples(Rc<Vec<Tuple>>),
}

/// One item of a path and the variables bound on the way to it.
#[derive(Clone)]
pub(crate) struct Tuple {
    pub(crate) at: Item,
    pub(crate) variables: Vec<(Sym, Item)>,
}

/// How an array came to be, which decides what becomes of it in a path.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const PLAIN: Self = Self(0);
    /// A result sequence: with one item it stands for that item, with none for nothing.
    pub(crate) const SEQUENCE: Self = Self(1);
    /// A sequence that stays an array with one item (`[]`).
    pub(crate) const KEEP: Self = Self(3);
    /// Made by an array constructor that ends or begins a path: a step doesn't flatten it.
    pub(crate) const CONS: Self = Self(4);
    /// The sequence around an array that is the input.
    pub(crate) const OUTER: Self = Self(9);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An array made by an expression.
pub(crate) struct List {
    pub(crate) items: Vec<Item>,
    pub(crate) flags: Flags,
    depth: u16,
}

/// An object made by an expression.
#[derive(Default)]
pub(crate) struct Record {
    members: Vec<(Str, Item)>,
    depth: u16,
    index: OnceCell<FxHashMap<Str, usize>>,
}

impl Record {
    pub(crate) fn get(&self, name: &str) -> Option<&Item> {
        let at = if self.members.len() < INDEX_FROM {
            self.members.iter().position(|(n, _)| **n == *name)?
        } else {
            let entries = || self.members.iter().enumerate().map(|(i, (n, _))| (Arc::clone(n), i)).collect();
            *self.index.get_or_init(entries).get(name)?
        };
        Some(&self.members[at].1)
    }

    pub(crate) fn members(&self) -> &[(Str, Item)] {
        &self.members
    }
}

/// Collects the members of a [`Record`]; a name that is there already keeps its place and takes the new value.
#[derive(Clone, Default)]
pub(crate) struct RecordBuilder {
    members: Vec<(Str, Item)>,
    index: FxHashMap<Str, usize>,
}

impl RecordBuilder {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { members: Vec::with_capacity(capacity), index: FxHashMap::default() }
    }

    pub(crate) fn position(&mut self, name: &str) -> Option<usize> {
        if self.members.len() < INDEX_FROM {
            return self.members.iter().position(|(n, _)| **n == *name);
        }
        if self.index.is_empty() {
            self.index = self.members.iter().enumerate().map(|(i, (n, _))| (Arc::clone(n), i)).collect();
        }
        self.index.get(name).copied()
    }

    pub(crate) fn insert(&mut self, name: Str, item: Item) {
        match self.position(&name) {
            Some(at) => self.members[at].1 = item,
            None => {
                if !self.index.is_empty() {
                    self.index.insert(Arc::clone(&name), self.members.len());
                }
                self.members.push((name, item));
            }
        }
    }

    /// Adds a member whose name isn't there yet.
    pub(crate) fn push(&mut self, name: Str, item: Item) {
        if !self.index.is_empty() {
            self.index.insert(Arc::clone(&name), self.members.len());
        }
        self.members.push((name, item));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(at) = self.position(name) {
            self.members.remove(at);
            self.index.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn build(self, budget: &mut Budget) -> Result<Item, EvalError> {
        budget.charge_bytes(64 + self.members.len() * MEMBER_BYTES)?;
        let depth = deeper(self.members.iter().map(|(_, item)| item))?;
        Ok(Item::Record(Rc::new(Record { members: self.members, depth, index: OnceCell::new() })))
    }
}

/// The depth of something that holds these.
fn deeper<'a>(items: impl Iterator<Item = &'a Item>) -> Result<u16, EvalError> {
    let depth = 1 + items.map(Item::depth).max().unwrap_or(0);
    if depth > MAX_BUILT_DEPTH { Err(EvalError::over(OVER_DEPTH)) } else { Ok(depth) }
}

/// The depth of a function over these.
pub(crate) fn function_depth<'a>(items: impl Iterator<Item = &'a Item>) -> Result<u16, EvalError> {
    deeper(items)
}

/// An array's elements, wherever they came from.
#[derive(Clone, Copy)]
pub(crate) enum Elements<'a> {
    Items(&'a [Item]),
    Values(&'a [Value]),
}

impl<'a> Elements<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Items(items) => items.len(),
            Self::Values(values) => values.len(),
        }
    }

    pub(crate) fn get(self, at: usize) -> Option<Item> {
        match self {
            Self::Items(items) => items.get(at).cloned(),
            Self::Values(values) => values.get(at).cloned().map(Item::Value),
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Item> + use<'a> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// All elements as numbers, if all are.
    pub(crate) fn numbers(self) -> Option<Vec<f64>> {
        match self {
            Self::Items(items) => items.iter().map(Item::as_f64).collect(),
            Self::Values(values) => values.iter().map(Value::as_f64).collect(),
        }
    }
}

/// An object's members, wherever they came from.
#[derive(Clone, Copy)]
pub(crate) enum Members<'a> {
    Record(&'a Record),
    Object(&'a Object),
}

impl<'a> Members<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Record(record) => record.members.len(),
            Self::Object(object) => object.len(),
        }
    }

    pub(crate) fn get(self, name: &str) -> Option<Item> {
        match self {
            Self::Record(record) => record.get(name).cloned(),
            Self::Object(object) => object.get(name).cloned().map(Item::Value),
        }
    }

    pub(crate) fn iter(self) -> Box<dyn Iterator<Item = (&'a Str, Item)> + 'a> {
        match self {
            Self::Record(record) => Box::new(record.members.iter().map(|(n, item)| (n, item.clone()))),
            Self::Object(object) => Box::new(object.iter().map(|(n, v)| (n, Item::Value(v.clone())))),
        }
    }
}

impl Item {
    pub(crate) const TRUE: Self = Self::Value(Value::Bool(true));
    pub(crate) const FALSE: Self = Self::Value(Value::Bool(false));

    pub(crate) fn string(text: impl Into<Str>) -> Self {
        Self::Value(Value::String(text.into()))
    }

    pub(crate) const fn bool(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of things in memory are far below 2^53")]
    pub(crate) fn count(count: usize) -> Self {
        Self::Number(count as f64)
    }

    /// An array of these.
    pub(crate) fn list(items: Vec<Self>, flags: Flags, budget: &mut Budget) -> Result<Self, EvalError> {
        budget.charge_bytes(48 + items.len() * ITEM_BYTES)?;
        let depth = deeper(items.iter())?;
        Ok(Self::List(Rc::new(List { items, flags, depth })))
    }

    /// What a sequence of these stands for: nothing, the one item, or an array.
    pub(crate) fn sequence(mut items: Vec<Self>, budget: &mut Budget) -> Result<Self, EvalError> {
        match items.len() {
            0 => Ok(Self::Undefined),
            1 => Ok(items.pop().unwrap_or(Self::Undefined)),
            _ => Self::list(items, Flags::SEQUENCE, budget),
        }
    }

    pub(crate) fn function(function: Function) -> Self {
        Self::Function(Rc::new(function))
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::List(list) => list.depth,
            Self::Record(record) => record.depth,
            Self::Function(function) => function.depth(),
            Self::Tuples(tuples) => 1 + tuples.iter().map(|tuple| tuple.at.depth()).max().unwrap_or(0),
            Self::Undefined | Self::Number(_) | Self::Value(_) => 0,
        }
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Self::List(_) | Self::Value(Value::Array(_)) | Self::Tuples(_))
    }

    /// The flags of an array made here; none for any other item.
    pub(crate) fn flags(&self) -> Flags {
        if let Self::List(list) = self { list.flags } else { Flags::PLAIN }
    }

    pub(crate) fn elements(&self) -> Option<Elements<'_>> {
        match self {
            Self::List(list) => Some(Elements::Items(&list.items)),
            Self::Value(Value::Array(values)) => Some(Elements::Values(values)),
            _ => None,
        }
    }

    /// The elements of an array, or the item itself as the only one.
    pub(crate) fn elements_or_self(&self) -> Elements<'_> {
        self.elements().unwrap_or(Elements::Items(std::slice::from_ref(self)))
    }

    pub(crate) fn members(&self) -> Option<Members<'_>> {
        match self {
            Self::Record(record) => Some(Members::Record(record)),
            Self::Value(Value::Object(object)) => Some(Members::Object(object)),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Value(Value::Number(number)) => Some(number.as_f64()),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Value(Value::String(text)) = self { Some(text) } else { None }
    }

    /// A finite number, or none where the item isn't one.
    pub(crate) fn number(&self) -> Result<Option<f64>, EvalError> {
        match self.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            Some(number) if number.is_nan() => Ok(None),
            Some(_) => Err(EvalError::new("D1001").with_value(Some(Value::Null))),
            None => Ok(None),
        }
    }

    /// The effective boolean value; nothing is false.
    pub(crate) fn truth(&self, budget: &mut Budget) -> Result<bool, EvalError> {
        match self {
            Self::Value(Value::Bool(value)) => Ok(*value),
            Self::Value(Value::String(text)) => Ok(!text.is_empty()),
            Self::Value(Value::Object(object)) => Ok(!object.is_empty()),
            Self::Record(record) => Ok(!record.members.is_empty()),
            Self::Number(_) | Self::Value(Value::Number(_)) => {
                Ok(self.number()?.is_some_and(|number| number != 0.0))
            }
            Self::Function(function) => Ok(function.is_truthy()),
            Self::Undefined | Self::Value(Value::Null) | Self::Tuples(_) => Ok(false),
            Self::List(_) | Self::Value(Value::Array(_)) => {
                let mut any = false;
                for item in self.elements_or_self().iter() {
                    budget.charge_steps(1)?;
                    any |= item.truth(budget)?;
                }
                Ok(any)
            }
        }
    }

    /// The member of that name, of each element of an array.
    pub(crate) fn lookup(&self, name: &str, budget: &mut Budget) -> Result<Self, EvalError> {
        if let Some(members) = self.members() {
            return Ok(members.get(name).unwrap_or(Self::Undefined));
        }
        let Some(elements) = self.elements() else { return Ok(Self::Undefined) };
        let mut found = Vec::new();
        lookup_each(elements, name, &mut found, budget)?;
        Self::list(found, Flags::SEQUENCE, budget)
    }

    /// Equality of trees: numbers by double, objects whatever the order of their keys. A function equals itself.
    pub(crate) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, EvalError> {
        budget.charge_steps(1)?;
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => return values_equal(a, b, budget),
            (Self::Function(a), Self::Function(b)) => return Ok(Rc::ptr_eq(a, b)),
            (Self::Undefined, Self::Undefined) => return Ok(true),
            _ => {}
        }
        if let (Some(a), Some(b)) = (self.as_f64(), other.as_f64()) {
            return Ok(a == b);
        }
        if let (Some(a), Some(b)) = (self.elements(), other.elements()) {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (x, y) in a.iter().zip(b.iter()) {
                if !x.equals(&y, budget)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let (Some(a), Some(b)) = (self.members(), other.members()) else { return Ok(false) };
        if a.len() != b.len() {
            return Ok(false);
        }
        for (name, x) in a.iter() {
            match b.get(name) {
                Some(y) if x.equals(&y, budget)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether both are the very same array, object or function.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => Rc::ptr_eq(a, b),
            (Self::Record(a), Self::Record(b)) => Rc::ptr_eq(a, b),
            (Self::Function(a), Self::Function(b)) => Rc::ptr_eq(a, b),
            (Self::Value(Value::Array(a)), Self::Value(Value::Array(b))) => Arc::ptr_eq(a, b),
            (Self::Value(Value::Object(a)), Self::Value(Value::Object(b))) => {
                // Objects are one where their first member is; empty ones can't be told apart.
                a.keys().next().zip(b.keys().next()).is_some_and(|(a, b)| std::ptr::eq(a, b))
            }
            _ => false,
        }
    }

    /// The JSON this is. Nothing and functions become `null` inside an array and disappear from an object, as printing them
    /// would have it.
    pub(crate) fn into_value(self, budget: &mut Budget) -> Result<Value, EvalError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Number(number) => Ok(number_value(number)),
            Self::List(list) => {
                budget.charge_steps(list.items.len())?;
                budget.charge_bytes(48 + list.items.len() * 24)?;
                let items = match Rc::try_unwrap(list) {
                    Ok(list) => list.items,
                    Err(shared) => shared.items.clone(),
                };
                items
                    .into_iter()
                    .map(|item| item.into_value(budget))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::from)
            }
            Self::Record(record) => {
                budget.charge_steps(record.members.len())?;
                budget.charge_bytes(64 + record.members.len() * 40)?;
                let members = match Rc::try_unwrap(record) {
                    Ok(record) => record.members,
                    Err(shared) => shared.members.clone(),
                };
                let mut builder = ObjectBuilder::with_capacity(members.len());
                for (name, item) in members {
                    if !matches!(item, Self::Undefined | Self::Function(_)) {
                        builder.insert(name, item.into_value(budget)?);
                    }
                }
                Ok(Value::Object(builder.build()))
            }
            Self::Tuples(tuples) => {
                let items = tuples.iter().map(|tuple| tuple.at.clone()).collect();
                Self::list(items, Flags::PLAIN, budget)?.into_value(budget)
            }
            Self::Undefined | Self::Function(_) => Ok(Value::Null),
        }
    }

    /// What a message quotes: as JSON if that isn't too much.
    pub(crate) fn quoted(&self) -> Option<Value> {
        let mut little = Budget { steps: 2_000, bytes: 1 << 16, depth: 0 };
        match self {
            Self::Undefined | Self::Function(_) => None,
            other => other.clone().into_value(&mut little).ok(),
        }
    }

    /// The text that concatenation and `$string` make of this.
    pub(crate) fn to_text(&self, budget: &mut Budget) -> Result<Str, EvalError> {
        if let Self::Value(Value::String(text)) = self {
            return Ok(Arc::clone(text));
        }
        let mut out = String::new();
        text::write_text(self, &mut out, budget)?;
        Ok(out.into())
    }
}

fn lookup_each(
    elements: Elements<'_>,
    name: &str,
    found: &mut Vec<Item>,
    budget: &mut Budget,
) -> Result<(), EvalError> {
    budget.charge_steps(elements.len())?;
    for item in elements.iter() {
        if let Some(members) = item.members() {
            match members.get(name) {
                Some(member) if member.is_array() => push_all(&member, found, budget)?,
                Some(Item::Undefined) | None => {}
                Some(member) => found.push(member),
            }
        } else if let Some(inner) = item.elements() {
            lookup_each(inner, name, found, budget)?;
        }
    }
    Ok(())
}

/// Appends an array's elements.
pub(crate) fn push_all(array: &Item, out: &mut Vec<Item>, budget: &mut Budget) -> Result<(), EvalError> {
    let elements = array.elements_or_self();
    budget.charge_steps(elements.len())?;
    budget.charge_bytes(elements.len() * 24)?;
    match elements {
        Elements::Items(items) => out.extend_from_slice(items),
        Elements::Values(values) => out.extend(values.iter().cloned().map(Item::Value)),
    }
    Ok(())
}

fn values_equal(a: &Value, b: &Value, budget: &mut Budget) -> Result<bool, EvalError> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Ok(a.as_f64() == b.as_f64()),
        (Value::String(a), Value::String(b)) => {
            budget.charge_reading(a.len().min(b.len()))?;
            Ok(a == b)
        }
        (Value::Array(a), Value::Array(b)) => {
            budget.charge_steps(a.len().min(b.len()))?;
            if a.len() != b.len() {
                return Ok(false);
            }
            for (x, y) in a.iter().zip(b.iter()) {
                if !values_equal(x, y, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(a), Value::Object(b)) => {
            budget.charge_steps(a.len().min(b.len()))?;
            if a.len() != b.len() {
                return Ok(false);
            }
            for (name, x) in a.iter() {
                match b.get(name) {
                    Some(y) if values_equal(x, y, budget)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => Ok(false),
    }
}

/// A double as JSON: an integer where it is whole, `null` where JSON has no number for it.
pub(crate) fn number_value(number: f64) -> Value {
    Number::from_f64_as_integer(number).map_or(Value::Null, Value::Number)
}
