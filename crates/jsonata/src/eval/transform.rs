//! `| pattern | update, delete |`: a copy of a tree with some of its objects changed.

use std::rc::Rc;

use newel_value::Value;
use rustc_hash::FxHashMap;

use super::{Env, Evaluator};
use crate::EvalError;
use crate::item::{Flags, Item, Record, RecordBuilder};
use crate::node::Transform;

/// The objects of the copy that were changed, by identity.
type Changed = FxHashMap<*const Record, Rc<Record>>;

impl Evaluator<'_> {
    #[inline(never)]
    pub(super) fn transform(
        &mut self,
        transform: &Transform,
        argument: Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        if argument.is_undefined() {
            return Ok(Item::Undefined);
        }
        if !argument.is_array() && argument.members().is_none() {
            return Err(EvalError::new("T0410")
                .with_value(argument.quoted())
                .with("index", Some(Value::from(1))));
        }
        let copy = self.copy(&argument)?;
        let matches = self.eval(&transform.pattern, &copy, env)?;
        let mut changed = Changed::default();
        for found in matches.elements_or_self().iter() {
            self.budget.charge_steps(1)?;
            if !found.is_undefined() {
                self.change(transform, &found, &mut changed, env)?;
            }
        }
        self.patched(&copy, &changed)
    }

    #[inline(never)]
    fn change(
        &mut self,
        transform: &Transform,
        found: &Item,
        changed: &mut Changed,
        env: Env,
    ) -> Result<(), EvalError> {
        let current = self.patched(found, changed)?;
        let mut members = RecordBuilder::default();
        if let Item::Record(record) = &current {
            self.budget.charge_steps(record.members().len())?;
            for (name, item) in record.members() {
                members.push(name.clone(), item.clone());
            }
        }
        let update = self.eval(&transform.update, &current, env)?;
        if !update.is_undefined() {
            let Some(new) = update.members() else {
                return Err(EvalError::new("T2011")
                    .at(transform.update.position)
                    .with_value(update.quoted()));
            };
            for (name, item) in new.iter() {
                // A copy of its own, so that later changes to what it was taken from don't show in it.
                let item = self.copy(&item)?;
                members.insert(name.clone(), item);
            }
        }
        if let Some(delete) = &transform.delete {
            // The reference implementation evaluates this on the object as updated.
            let context = match found {
                Item::Record(_) => members.clone().build(&mut self.budget)?,
                _ => current.clone(),
            };
            let deletions = self.eval(delete, &context, env)?;
            for name in deletions.elements_or_self().iter().filter(|name| !name.is_undefined()) {
                let Some(name) = name.as_str() else {
                    return Err(EvalError::new("T2012").at(delete.position).with_value(deletions.quoted()));
                };
                self.budget.charge_steps(1)?;
                members.remove(name);
            }
        }
        if let Item::Record(record) = found
            && let Item::Record(new) = members.build(&mut self.budget)?
        {
            changed.insert(Rc::as_ptr(record), new);
        }
        Ok(())
    }

    /// A tree of new objects. Functions become empty strings, as where JSON is printed and read.
    fn copy(&mut self, item: &Item) -> Result<Item, EvalError> {
        self.budget.charge_steps(1)?;
        if let Some(elements) = item.elements() {
            let items = elements.iter().map(|element| self.copy(&element)).collect::<Result<_, _>>()?;
            return Item::list(items, Flags::PLAIN, &mut self.budget);
        }
        if let Some(members) = item.members() {
            let mut record = RecordBuilder::with_capacity(members.len());
            for (name, member) in members.iter() {
                let member = self.copy(&member)?;
                record.push(name.clone(), member);
            }
            return record.build(&mut self.budget);
        }
        Ok(if matches!(item, Item::Function(_)) { Item::string("") } else { item.clone() })
    }

    /// The tree with the changed objects in it; what holds none stays as it is.
    fn patched(&mut self, item: &Item, changed: &Changed) -> Result<Item, EvalError> {
        if changed.is_empty() {
            return Ok(item.clone());
        }
        self.budget.charge_steps(1)?;
        match item {
            Item::List(list) => {
                let mut differs = false;
                let mut items = Vec::with_capacity(list.items.len());
                for element in &list.items {
                    let new = self.patched(element, changed)?;
                    differs |= !same(element, &new);
                    items.push(new);
                }
                if differs { Item::list(items, list.flags, &mut self.budget) } else { Ok(item.clone()) }
            }
            Item::Record(record) => {
                let current = changed.get(&Rc::as_ptr(record)).unwrap_or(record);
                let mut differs = !Rc::ptr_eq(current, record);
                let mut members = RecordBuilder::with_capacity(current.members().len());
                for (name, member) in current.members() {
                    let new = self.patched(member, changed)?;
                    differs |= !same(member, &new);
                    members.push(name.clone(), new);
                }
                if differs { members.build(&mut self.budget) } else { Ok(item.clone()) }
            }
            other => Ok(other.clone()),
        }
    }
}

/// Whether nothing was changed between the two; scalars never are.
fn same(before: &Item, after: &Item) -> bool {
    match (before, after) {
        (Item::List(a), Item::List(b)) => Rc::ptr_eq(a, b),
        (Item::Record(a), Item::Record(b)) => Rc::ptr_eq(a, b),
        _ => true,
    }
}
