//! Order-by.

use std::cmp::Ordering;

use super::operator::is_ordered;
use super::{Env, Evaluator};
use crate::EvalError;
use crate::item::{Item, Tuple};
use crate::node::Term;

impl Evaluator<'_> {
    pub(super) fn sort_items(
        &mut self,
        terms: &[Term],
        position: u32,
        items: Vec<Item>,
        env: Env,
    ) -> Result<Vec<Item>, EvalError> {
        self.sort(terms, position, items, |this: &mut Evaluator<'_>, item, term: &Term| {
            this.eval(&term.expression, item, env)
        })
    }

    pub(super) fn sort_tuples(
        &mut self,
        terms: &[Term],
        position: u32,
        tuples: Vec<Tuple>,
        env: Env,
    ) -> Result<Vec<Tuple>, EvalError> {
        self.sort(terms, position, tuples, |this: &mut Evaluator<'_>, tuple, term: &Term| {
            let inner = this.enter_tuple(env, tuple)?;
            let key = this.eval(&term.expression, &tuple.at, inner)?;
            this.leave(inner);
            Ok(key)
        })
    }

    /// Sorts by keys that are evaluated once for each item, when a comparison first needs them.
    fn sort<T>(
        &mut self,
        terms: &[Term],
        position: u32,
        items: Vec<T>,
        mut key: impl FnMut(&mut Evaluator<'_>, &T, &Term) -> Result<Item, EvalError>,
    ) -> Result<Vec<T>, EvalError> {
        if items.len() < 2 {
            return Ok(items);
        }
        self.budget.charge_bytes(items.len() * (64 + 24 * terms.len()))?;
        let mut keys: Vec<Vec<Item>> = items.iter().map(|_| Vec::with_capacity(terms.len())).collect();
        let order = merge_sort(self, (0..items.len()).collect(), &mut |this: &mut Evaluator<'_>, a, b| {
            for (at, term) in terms.iter().enumerate() {
                for side in [a, b] {
                    if keys[side].len() == at {
                        let found = key(this, &items[side], term)?;
                        keys[side].push(found);
                    }
                }
                match this.compare_keys(&keys[a][at], &keys[b][at], term.descending, position)? {
                    Ordering::Equal => {}
                    ordering => return Ok(ordering.is_gt()),
                }
            }
            Ok(false)
        })?;
        let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
        Ok(order.into_iter().filter_map(|at| items[at].take()).collect())
    }

    fn compare_keys(
        &mut self,
        a: &Item,
        b: &Item,
        descending: bool,
        position: u32,
    ) -> Result<Ordering, EvalError> {
        match (a.is_undefined(), b.is_undefined()) {
            (true, true) => return Ok(Ordering::Equal),
            // What has no key comes last, whatever the direction.
            (true, false) => return Ok(Ordering::Greater),
            (false, true) => return Ok(Ordering::Less),
            (false, false) => {}
        }
        if !is_ordered(a) || !is_ordered(b) {
            let value = if is_ordered(a) { b } else { a };
            return Err(EvalError::new("T2008").at(position).with_value(value.quoted()));
        }
        if a.as_str().is_some() != b.as_str().is_some() {
            return Err(EvalError::new("T2007")
                .at(position)
                .with_value(a.quoted())
                .with("value2", b.quoted()));
        }
        let ordering = self.ordering(a, b)?.unwrap_or(Ordering::Greater);
        Ok(if descending { ordering.reverse() } else { ordering })
    }
}

/// A stable merge sort that asks only "does the left one come after the right one?", and asks in the reference
/// implementation's order, as the answer may be an expression's.
pub(crate) fn merge_sort<T: Copy>(
    evaluator: &mut Evaluator<'_>,
    mut items: Vec<T>,
    after: &mut impl FnMut(&mut Evaluator<'_>, T, T) -> Result<bool, EvalError>,
) -> Result<Vec<T>, EvalError> {
    if items.len() < 2 {
        return Ok(items);
    }
    evaluator.budget.charge_steps(items.len())?;
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(evaluator, items, after)?;
    let right = merge_sort(evaluator, right, after)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut a, mut b) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let from = if after(evaluator, **x, **y)? { &mut b } else { &mut a };
        merged.extend(from.next());
    }
    merged.extend(a);
    merged.extend(b);
    Ok(merged)
}
