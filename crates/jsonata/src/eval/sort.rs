//! Order-by.

use std::cmp::Ordering;

use super::operator::is_ordered;
use super::{Env, Evaluator};
use crate::EvalError;
use crate::item::{Item, Tuple};
use crate::node::Term;

impl Evaluator<'_> {
    #[inline(never)]
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

    #[inline(never)]
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
/// implementation's order, as the answer may be an expression's. It doesn't recurse: what it asks may sort again.
pub(crate) fn merge_sort<T: Copy>(
    evaluator: &mut Evaluator<'_>,
    mut items: Vec<T>,
    after: &mut impl FnMut(&mut Evaluator<'_>, T, T) -> Result<bool, EvalError>,
) -> Result<Vec<T>, EvalError> {
    evaluator.budget.charge_steps(items.len())?;
    // Reversed, a walk that takes the right half first has both halves before the whole, the left one first.
    let mut merges = Vec::with_capacity(items.len());
    let mut pending = vec![(0, items.len())];
    while let Some((start, end)) = pending.pop() {
        if end - start > 1 {
            let middle = start + (end - start) / 2;
            merges.push((start, middle, end));
            pending.extend([(start, middle), (middle, end)]);
        }
    }
    let mut merged = Vec::with_capacity(items.len());
    for (start, middle, end) in merges.into_iter().rev() {
        evaluator.budget.charge_steps(end - start)?;
        let (mut left, mut right) = (start, middle);
        while left < middle && right < end {
            let from = if after(evaluator, items[left], items[right])? { &mut right } else { &mut left };
            merged.push(items[*from]);
            *from += 1;
        }
        merged.extend_from_slice(&items[left..middle]);
        merged.extend_from_slice(&items[right..end]);
        items[start..end].copy_from_slice(&merged);
        merged.clear();
    }
    Ok(items)
}
