//! Paths: each step applied to what the one before it gave.

use std::rc::Rc;

use newel_value::Value;

use super::{Env, Evaluator};
use crate::EvalError;
use crate::item::{Elements, Flags, Item, Tuple, push_all};
use crate::node::{Extras, Kind, Node, Path, Stage, Sym};

/// Something inside a tree, looked at without copying.
#[derive(Clone, Copy)]
enum Place<'a> {
    Item(&'a Item),
    Value(&'a Value),
}

impl<'a> Place<'a> {
    fn normal(self) -> Self {
        if let Self::Item(Item::Value(value)) = self { Self::Value(value) } else { self }
    }
}

/// What a step gave.
enum Stepped {
    Items(Vec<Item>),
    /// An array as it is, not a sequence: what the last step found is an array.
    Whole(Item),
}

impl Evaluator<'_> {
    /// Follows names through objects. None where an array is on the way: that takes sequences.
    pub(super) fn follow(&mut self, path: &Path, input: &Item, env: Env) -> Result<Option<Item>, EvalError> {
        self.budget.charge_steps(path.steps.len() / 2)?;
        let (mut place, names) = match &path.steps[0].kind {
            Kind::Variable(sym) => (Place::Item(self.lookup(*sym, env)), &path.steps[1..]),
            Kind::Context => (Place::Item(input), &path.steps[1..]),
            _ => (Place::Item(input), &path.steps[..]),
        };
        for step in names {
            let Kind::Name(name) = &step.kind else { return Ok(None) };
            place = match place.normal() {
                Place::Value(Value::Object(object)) => match object.get(name) {
                    Some(member) => Place::Value(member),
                    None => return Ok(Some(Item::Undefined)),
                },
                Place::Item(Item::Record(record)) => match record.get(name) {
                    Some(member) => Place::Item(member),
                    None => return Ok(Some(Item::Undefined)),
                },
                Place::Value(Value::Array(_)) | Place::Item(Item::List(_) | Item::Tuples(_)) => {
                    return Ok(None);
                }
                Place::Value(_) | Place::Item(_) => return Ok(Some(Item::Undefined)),
            };
        }
        Ok(match place {
            Place::Value(value) => Some(Item::Value(value.clone())),
            Place::Item(item) if item.flags() == Flags::PLAIN => Some(item.clone()),
            Place::Item(_) => None,
        })
    }

    #[inline(never)]
    pub(super) fn eval_path(
        &mut self,
        path: &Path,
        node: &Node,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let from_variable = matches!(path.steps[0].kind, Kind::Variable(_) | Kind::Context);
        let mut items = match input.elements() {
            Some(elements) if !from_variable => self.copied(elements)?,
            _ => vec![input.clone()],
        };
        let mut whole = None;
        let mut tuples: Option<Vec<Tuple>> = None;
        let last = path.steps.len() - 1;
        for (at, step) in path.steps.iter().enumerate() {
            let extras = step.extras.as_deref();
            if at == 0 && extras.is_some_and(|extras| extras.cons) {
                let sequence = Item::list(std::mem::take(&mut items), Flags::SEQUENCE, &mut self.budget)?;
                let result = self.eval(step, &sequence, env)?;
                items = match result.elements() {
                    Some(elements) => self.copied(elements)?,
                    None => Vec::new(),
                };
                let is_scalar = !result.is_array() && !result.is_undefined();
                whole = Some(result);
                if items.is_empty() && !is_scalar {
                    break;
                }
                continue;
            }
            whole = None;
            if tuples.is_some() || extras.is_some_and(|extras| extras.tuple) {
                let before = match tuples.take() {
                    Some(tuples) => Some(tuples),
                    None if matches!(step.kind, Kind::Sort(_)) => None,
                    None => Some(items.drain(..).map(|at| Tuple { at, variables: Vec::new() }).collect()),
                };
                tuples = Some(self.tuple_step(step, before, std::mem::take(&mut items), env)?);
                continue;
            }
            match self.step(step, items, env, at == last)? {
                Stepped::Items(found) => items = found,
                Stepped::Whole(found) => {
                    whole = Some(found);
                    items = Vec::new();
                    break;
                }
            }
            if items.is_empty() {
                break;
            }
        }
        self.finish_path(path, node, env, items, whole, tuples)
    }

    #[inline(never)]
    fn finish_path(
        &mut self,
        path: &Path,
        node: &Node,
        env: Env,
        mut items: Vec<Item>,
        mut whole: Option<Item>,
        tuples: Option<Vec<Tuple>>,
    ) -> Result<Item, EvalError> {
        let extras = node.extras.as_deref();
        let group = extras.and_then(|extras| extras.group.as_ref());
        if let Some(tuples) = tuples {
            if group.is_some() || extras.is_some_and(|extras| extras.tuple) {
                let stream = Item::Tuples(Rc::new(tuples));
                return match group {
                    Some(group) => self.eval_group(group, &stream, env),
                    None => Ok(stream),
                };
            }
            items = tuples.into_iter().map(|tuple| tuple.at).collect();
        }
        let keep = path.keep_singleton || node.keep_array;
        if keep
            && path.keep_singleton
            && let Some(array) = whole.take_if(|whole| whole.flags().contains(Flags::CONS))
        {
            items = vec![array];
        }
        if let Some(group) = group {
            let sequence = match whole {
                Some(whole) => whole,
                None => Item::list(items, Flags::SEQUENCE, &mut self.budget)?,
            };
            return self.eval_group(group, &sequence, env);
        }
        match whole {
            Some(whole) => self.collapse(whole, node.keep_array),
            None if keep && !items.is_empty() => Item::list(items, Flags::KEEP, &mut self.budget),
            None => Item::sequence(items, &mut self.budget),
        }
    }

    fn copied(&mut self, elements: Elements<'_>) -> Result<Vec<Item>, EvalError> {
        self.budget.charge_steps(elements.len() / 4)?;
        self.budget.charge_bytes(elements.len() * 24)?;
        Ok(match elements {
            Elements::Items(items) => items.to_vec(),
            Elements::Values(values) => values.iter().cloned().map(Item::Value).collect(),
        })
    }

    #[inline(never)]
    fn step(&mut self, step: &Node, items: Vec<Item>, env: Env, last: bool) -> Result<Stepped, EvalError> {
        let stages = step.extras.as_deref().map_or(&[][..], |extras| &extras.stages);
        if let Kind::Sort(terms) = &step.kind {
            let several = items.len() > 1;
            let sorted = self.sort_items(terms, step.position, items, env)?;
            if stages.is_empty() && last && several {
                return Ok(Stepped::Whole(Item::list(sorted, Flags::PLAIN, &mut self.budget)?));
            }
            let mut result = Item::list(sorted, Flags::SEQUENCE, &mut self.budget)?;
            for stage in stages {
                if let Stage::Filter(predicate) = stage {
                    result = self.filter(predicate, &result, env)?;
                }
            }
            return match result {
                Item::List(list) if list.flags.contains(Flags::SEQUENCE) => {
                    Ok(Stepped::Items(super::into_items(list)))
                }
                other => Ok(Stepped::Whole(other)),
            };
        }
        let mut found = Vec::with_capacity(items.len().min(64));
        let mut nested = false;
        for item in &items {
            let mut result = match &step.kind {
                Kind::Name(name) if step.extras.is_none() && !item.is_array() => {
                    self.budget.charge_steps(1)?;
                    item.members().and_then(|members| members.get(name)).unwrap_or(Item::Undefined)
                }
                _ => self.eval_step(step, item, env)?,
            };
            for stage in stages {
                if let Stage::Filter(predicate) = stage {
                    result = self.filter(predicate, &result, env)?;
                }
            }
            if !result.is_undefined() {
                nested |= result.is_array();
                found.push(result);
            }
        }
        self.budget.charge_bytes(found.len() * 32)?;
        if !nested {
            return Ok(Stepped::Items(found));
        }
        if last && found.len() == 1 && !found[0].flags().contains(Flags::SEQUENCE) {
            return Ok(Stepped::Whole(found.swap_remove(0)));
        }
        Ok(Stepped::Items(self.flattened(found)?))
    }

    /// A step without its stages, which belong to the path. The result is collapsed as any expression's.
    fn eval_step(&mut self, step: &Node, item: &Item, env: Env) -> Result<Item, EvalError> {
        self.eval(step, item, env)
    }

    fn flattened(&mut self, found: Vec<Item>) -> Result<Vec<Item>, EvalError> {
        let mut flat = Vec::with_capacity(found.len());
        for item in found {
            if item.is_array() && !item.flags().contains(Flags::CONS) {
                push_all(&item, &mut flat, &mut self.budget)?;
            } else {
                flat.push(item);
            }
        }
        Ok(flat)
    }

    // ---- steps that carry variables

    #[inline(never)]
    fn tuple_step(
        &mut self,
        step: &Node,
        before: Option<Vec<Tuple>>,
        items: Vec<Item>,
        env: Env,
    ) -> Result<Vec<Tuple>, EvalError> {
        let none = Extras::default();
        let extras = step.extras.as_deref().unwrap_or(&none);
        let tuples = if let Kind::Sort(terms) = &step.kind {
            match before {
                Some(tuples) => self.sort_tuples(terms, step.position, tuples, env)?,
                None => {
                    let sorted = self.sort_items(terms, step.position, items, env)?;
                    let tuple = |(at, item)| {
                        let mut variables = Vec::new();
                        if let Some(index) = extras.index {
                            variables.push((index, Item::count(at)));
                        }
                        Tuple { at: item, variables }
                    };
                    sorted.into_iter().enumerate().map(tuple).collect()
                }
            }
        } else {
            let mut result = Vec::new();
            for tuple in before.unwrap_or_default() {
                let inner = self.enter_tuple(env, &tuple)?;
                let found = self.eval(step, &tuple.at, inner)?;
                self.leave(inner);
                self.extend_tuples(&mut result, &tuple, &found, extras)?;
            }
            result
        };
        self.tuple_stages(&extras.stages, tuples, env)
    }

    #[inline(never)]
    fn extend_tuples(
        &mut self,
        result: &mut Vec<Tuple>,
        tuple: &Tuple,
        found: &Item,
        extras: &Extras,
    ) -> Result<(), EvalError> {
        let cost = 64 + 32 * (tuple.variables.len() + 2);
        if let Item::Tuples(inner) = found {
            self.budget.charge_steps(inner.len())?;
            self.budget.charge_bytes(inner.len() * cost)?;
            for other in inner.iter() {
                let mut variables = tuple.variables.clone();
                for (sym, item) in &other.variables {
                    set(&mut variables, *sym, item.clone());
                }
                result.push(Tuple { at: other.at.clone(), variables });
            }
            return Ok(());
        }
        if found.is_undefined() {
            return Ok(());
        }
        let elements = found.elements_or_self();
        self.budget.charge_steps(elements.len())?;
        self.budget.charge_bytes(elements.len() * cost)?;
        for (at, item) in elements.iter().enumerate() {
            let mut variables = tuple.variables.clone();
            let mut here = item;
            if let Some(focus) = extras.focus {
                set(&mut variables, focus, std::mem::replace(&mut here, tuple.at.clone()));
            }
            if let Some(index) = extras.index {
                set(&mut variables, index, Item::count(at));
            }
            if let Some(slot) = extras.ancestor {
                set(&mut variables, self.program.labels[slot], tuple.at.clone());
            }
            result.push(Tuple { at: here, variables });
        }
        Ok(())
    }

    fn tuple_stages(
        &mut self,
        stages: &[Stage],
        mut tuples: Vec<Tuple>,
        env: Env,
    ) -> Result<Vec<Tuple>, EvalError> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => tuples = self.filter_tuples(predicate, tuples, env)?,
                Stage::Index(sym) => {
                    self.budget.charge_steps(tuples.len())?;
                    for (at, tuple) in tuples.iter_mut().enumerate() {
                        set(&mut tuple.variables, *sym, Item::count(at));
                    }
                }
            }
        }
        Ok(tuples)
    }

    #[inline(never)]
    fn filter_tuples(
        &mut self,
        predicate: &Node,
        tuples: Vec<Tuple>,
        env: Env,
    ) -> Result<Vec<Tuple>, EvalError> {
        let length = tuples.len();
        if let Some(index) = literal_index(predicate) {
            return Ok(position(index, length)
                .and_then(|at| tuples.into_iter().nth(at))
                .into_iter()
                .collect());
        }
        let mut kept = Vec::new();
        for (at, tuple) in tuples.into_iter().enumerate() {
            let inner = self.enter_tuple(env, &tuple)?;
            let result = self.eval(predicate, &tuple.at, inner)?;
            self.leave(inner);
            for _ in 0..self.selects(&result, at, length)? {
                kept.push(tuple.clone());
            }
        }
        Ok(kept)
    }

    // ---- predicates

    /// What a predicate leaves of an array, or of a single item.
    #[inline(never)]
    pub(super) fn filter(&mut self, predicate: &Node, input: &Item, env: Env) -> Result<Item, EvalError> {
        if let Item::Tuples(tuples) = input {
            let kept = self.filter_tuples(predicate, tuples.to_vec(), env)?;
            return Ok(Item::Tuples(Rc::new(kept)));
        }
        let elements = input.elements_or_self();
        let length = elements.len();
        if let Some(index) = literal_index(predicate) {
            return match position(index, length).and_then(|at| elements.get(at)) {
                Some(item) if item.is_array() => Ok(item),
                Some(item) if !item.is_undefined() => {
                    Item::list(vec![item], Flags::SEQUENCE, &mut self.budget)
                }
                _ => Item::list(Vec::new(), Flags::SEQUENCE, &mut self.budget),
            };
        }
        let mut kept = Vec::new();
        for (at, item) in elements.iter().enumerate() {
            let result = self.eval(predicate, &item, env)?;
            let times = self.selects(&result, at, length)?;
            // Nothing at all can be selected too, as in the reference implementation: it is `null` in an array.
            self.budget.charge_bytes(times * 40)?;
            kept.extend(std::iter::repeat_n(item, times));
        }
        Item::list(kept, Flags::SEQUENCE, &mut self.budget)
    }

    /// How many times a predicate's result selects the item at that place: numbers are places, anything else a condition.
    fn selects(&mut self, result: &Item, at: usize, length: usize) -> Result<usize, EvalError> {
        if let Some(number) = result.number()? {
            return Ok(usize::from(position(number, length) == Some(at)));
        }
        if let Some(elements) = result.elements() {
            self.budget.charge_steps(elements.len())?;
            let mut places = Vec::with_capacity(elements.len());
            for element in elements.iter() {
                let Some(number) = element.number()? else {
                    return Ok(usize::from(result.truth(&mut self.budget)?));
                };
                places.push(number);
            }
            return Ok(places.into_iter().filter(|place| position(*place, length) == Some(at)).count());
        }
        Ok(usize::from(result.truth(&mut self.budget)?))
    }

    // ---- wildcards

    #[inline(never)]
    pub(super) fn eval_wildcard(&mut self, input: &Item) -> Result<Item, EvalError> {
        let input = match input {
            Item::List(list) if list.flags == Flags::OUTER => &super::context(input),
            other => other,
        };
        let mut found = Vec::new();
        let mut flags = Flags::SEQUENCE;
        let mut visit = |this: &mut Self, member: Item| -> Result<(), EvalError> {
            this.budget.charge_steps(1)?;
            if member.is_array() {
                // Appending arrays gives a plain array in the reference implementation.
                flags = Flags::PLAIN;
                this.flatten(&member, &mut found)
            } else {
                found.push(member);
                Ok(())
            }
        };
        if let Some(members) = input.members() {
            for (_, member) in members.iter() {
                visit(self, member)?;
            }
        } else if let Some(elements) = input.elements() {
            for element in elements.iter() {
                visit(self, element)?;
            }
        }
        Item::list(found, flags, &mut self.budget)
    }

    #[inline(never)]
    fn flatten(&mut self, item: &Item, out: &mut Vec<Item>) -> Result<(), EvalError> {
        self.budget.charge_steps(1)?;
        match item.elements() {
            Some(elements) => elements.iter().try_for_each(|element| self.flatten(&element, out)),
            None => {
                self.budget.charge_bytes(40)?;
                out.push(item.clone());
                Ok(())
            }
        }
    }

    #[inline(never)]
    pub(super) fn eval_descendants(&mut self, input: &Item) -> Result<Item, EvalError> {
        if input.is_undefined() {
            return Ok(Item::Undefined);
        }
        let mut found = Vec::new();
        self.descend(input, &mut found)?;
        if found.len() == 1 {
            Ok(found.swap_remove(0))
        } else {
            Item::list(found, Flags::SEQUENCE, &mut self.budget)
        }
    }

    #[inline(never)]
    fn descend(&mut self, item: &Item, out: &mut Vec<Item>) -> Result<(), EvalError> {
        self.budget.charge_steps(1)?;
        if let Some(elements) = item.elements() {
            return elements.iter().try_for_each(|element| self.descend(&element, out));
        }
        self.budget.charge_bytes(40)?;
        out.push(item.clone());
        match item.members() {
            Some(members) => members.iter().try_for_each(|(_, member)| self.descend(&member, out)),
            None => Ok(()),
        }
    }
}

/// The number a predicate is, if it is nothing but a number.
fn literal_index(predicate: &Node) -> Option<f64> {
    match &predicate.kind {
        Kind::Literal(Value::Number(number)) => Some(number.as_f64()),
        _ => None,
    }
}

/// The place that a number means, counted from the end if it is negative.
fn position(number: f64, length: usize) -> Option<usize> {
    let floor = number.floor();
    let number = if floor < 0.0 { Item::count(length).as_f64()? + floor } else { floor };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "within the array, checked here"
    )]
    (number >= 0.0 && number < length as f64).then_some(number as usize)
}

/// Sets a variable of a tuple.
pub(super) fn set(variables: &mut Vec<(Sym, Item)>, sym: Sym, item: Item) {
    match variables.iter_mut().find(|(name, _)| *name == sym) {
        Some((_, old)) => *old = item,
        None => variables.push((sym, item)),
    }
}
