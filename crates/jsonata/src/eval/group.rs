//! Objects made from pairs of key and value expressions, for one item or grouping many.

use std::sync::Arc;

use newel_value::Str;
use rustc_hash::FxHashMap;

use super::{Env, Evaluator};
use crate::EvalError;
use crate::item::{Flags, Item, RecordBuilder, Tuple, push_all};
use crate::node::{Group, Sym};

/// The items that have one key.
struct Grouped {
    key: Str,
    pair: usize,
    items: Items,
    variables: Vec<(Sym, Items)>,
}

/// Items appended one by one, arrays by their elements.
enum Items {
    One(Item),
    Many(Vec<Item>),
}

impl Evaluator<'_> {
    #[inline(never)]
    pub(super) fn eval_group(&mut self, group: &Group, input: &Item, env: Env) -> Result<Item, EvalError> {
        match input {
            Item::Tuples(tuples) => {
                let grouped = self.group_tuples(group, tuples, env)?;
                self.build_groups(group, grouped, true, env)
            }
            _ if input.is_array() => {
                let grouped = self.group_items(group, input, env)?;
                self.build_groups(group, grouped, false, env)
            }
            _ => self.object(group, input, env),
        }
    }

    /// The object of a single item.
    #[inline(never)]
    fn object(&mut self, group: &Group, input: &Item, env: Env) -> Result<Item, EvalError> {
        let mut keys: Vec<Option<Str>> = Vec::with_capacity(group.pairs.len());
        for (key, _) in &group.pairs {
            keys.push(self.key(group, key, input, env)?);
        }
        let mut seen = RecordBuilder::with_capacity(keys.len());
        for key in keys.iter().flatten() {
            if seen.position(key).is_some() {
                return Err(duplicate(group, key));
            }
            seen.insert(Arc::clone(key), Item::Undefined);
        }
        let mut record = RecordBuilder::with_capacity(keys.len());
        for ((_, value), key) in group.pairs.iter().zip(keys) {
            let Some(key) = key else { continue };
            let value = self.eval(value, input, env)?;
            if !value.is_undefined() {
                record.push(key, value);
            }
        }
        record.build(&mut self.budget)
    }

    fn key(
        &mut self,
        group: &Group,
        key: &crate::node::Node,
        input: &Item,
        env: Env,
    ) -> Result<Option<Str>, EvalError> {
        match self.eval(key, input, env)? {
            Item::Undefined => Ok(None),
            Item::Value(newel_value::Value::String(key)) => Ok(Some(key)),
            other => Err(EvalError::new("T1003").at(group.position).with_value(other.quoted())),
        }
    }

    #[inline(never)]
    fn group_items(&mut self, group: &Group, input: &Item, env: Env) -> Result<Vec<Grouped>, EvalError> {
        let mut groups = Groups::default();
        let elements = input.elements_or_self();
        let none = Item::Undefined;
        let nothing = crate::item::Elements::Items(std::slice::from_ref(&none));
        let elements = if elements.len() == 0 { nothing } else { elements };
        for item in elements.iter() {
            for (pair, (key, _)) in group.pairs.iter().enumerate() {
                if let Some(key) = self.key(group, key, &item, env)? {
                    match groups.entry(group, key, pair)? {
                        Some(entry) => entry.items.push(&item, self)?,
                        None => groups.start(pair, Items::One(item.clone()), Vec::new()),
                    }
                }
            }
        }
        Ok(groups.list)
    }

    #[inline(never)]
    fn group_tuples(&mut self, group: &Group, tuples: &[Tuple], env: Env) -> Result<Vec<Grouped>, EvalError> {
        let mut groups = Groups::default();
        for tuple in tuples {
            let inner = self.enter_tuple(env, tuple)?;
            for (pair, (key, _)) in group.pairs.iter().enumerate() {
                let Some(key) = self.key(group, key, &tuple.at, inner)? else { continue };
                let Some(entry) = groups.entry(group, key, pair)? else {
                    let variables =
                        tuple.variables.iter().map(|(sym, item)| (*sym, Items::One(item.clone()))).collect();
                    groups.start(pair, Items::One(tuple.at.clone()), variables);
                    continue;
                };
                entry.items.push(&tuple.at, self)?;
                for (sym, item) in &tuple.variables {
                    match entry.variables.iter_mut().find(|(name, _)| name == sym) {
                        Some((_, items)) => items.push(item, self)?,
                        None => entry.variables.push((*sym, Items::One(item.clone()))),
                    }
                }
            }
            self.leave(inner);
        }
        Ok(groups.list)
    }

    #[inline(never)]
    fn build_groups(
        &mut self,
        group: &Group,
        grouped: Vec<Grouped>,
        tuples: bool,
        env: Env,
    ) -> Result<Item, EvalError> {
        let mut record = RecordBuilder::with_capacity(grouped.len());
        for entry in grouped {
            let context = entry.items.into_item(self)?;
            let inner = if tuples { self.enter(env) } else { env };
            for (sym, items) in entry.variables {
                let item = items.into_item(self)?;
                self.bind(inner, sym, item);
            }
            let value = self.eval(&group.pairs[entry.pair].1, &context, inner)?;
            if tuples {
                self.leave(inner);
            }
            if !value.is_undefined() {
                record.push(entry.key, value);
            }
        }
        record.build(&mut self.budget)
    }
}

#[derive(Default)]
struct Groups {
    list: Vec<Grouped>,
    places: FxHashMap<Str, usize>,
    /// The key that was looked for last and isn't there.
    new: Option<Str>,
}

impl Groups {
    fn entry(&mut self, group: &Group, key: Str, pair: usize) -> Result<Option<&mut Grouped>, EvalError> {
        match self.places.get(&key) {
            Some(at) if self.list[*at].pair != pair => Err(duplicate(group, &key)),
            Some(at) => Ok(Some(&mut self.list[*at])),
            None => {
                self.new = Some(key);
                Ok(None)
            }
        }
    }

    /// Adds the key that was just looked for.
    fn start(&mut self, pair: usize, items: Items, variables: Vec<(Sym, Items)>) {
        if let Some(key) = self.new.take() {
            self.places.insert(Arc::clone(&key), self.list.len());
            self.list.push(Grouped { key, pair, items, variables });
        }
    }
}

impl Items {
    fn push(&mut self, item: &Item, evaluator: &mut Evaluator<'_>) -> Result<(), EvalError> {
        if item.is_undefined() {
            return Ok(());
        }
        let budget = &mut evaluator.budget;
        budget.charge_steps(1)?;
        budget.charge_bytes(64)?;
        if let Self::One(first) = self {
            if first.is_undefined() {
                *self = Self::One(item.clone());
                return Ok(());
            }
            let mut items = Vec::new();
            push_all(first, &mut items, budget)?;
            *self = Self::Many(items);
        }
        if let Self::Many(items) = self {
            push_all(item, items, budget)?;
        }
        Ok(())
    }

    fn into_item(self, evaluator: &mut Evaluator<'_>) -> Result<Item, EvalError> {
        match self {
            Self::One(item) => Ok(item),
            Self::Many(items) => Item::list(items, Flags::PLAIN, &mut evaluator.budget),
        }
    }
}

fn duplicate(group: &Group, key: &Str) -> EvalError {
    EvalError::new("D1009").at(group.position).with_value(Some(Arc::clone(key).into()))
}
