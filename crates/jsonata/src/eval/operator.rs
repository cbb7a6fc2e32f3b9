//! Operators.

use std::cmp::Ordering;

use newel_value::Value;

use super::{Env, Evaluator};
use crate::item::{Flags, Item, number_value};
use crate::node::{Chain, Link, Node, Op};
use crate::{EvalError, text};

/// The longest range, as in the reference implementation.
const MAX_RANGE: f64 = 1e7;

impl Evaluator<'_> {
    #[inline(never)]
    pub(super) fn eval_chain(&mut self, chain: &Chain, input: &Item, env: Env) -> Result<Item, EvalError> {
        let mut left = self.eval(&chain.first, input, env)?;
        let mut rest = chain.rest.iter().peekable();
        while let Some(link) = rest.next() {
            if link.op == Op::Concat {
                let mut out = String::with_capacity(64);
                self.concat(&left, link, &mut out)?;
                let right = self.eval(&link.rhs, input, env)?;
                self.concat(&right, link, &mut out)?;
                while let Some(next) = rest.next_if(|next| next.op == Op::Concat) {
                    let right = self.eval(&next.rhs, input, env)?;
                    self.concat(&right, next, &mut out)?;
                }
                left = Item::string(out);
            } else {
                left = self.eval_link(left, link, input, env)?;
            }
        }
        Ok(left)
    }

    fn concat(&mut self, item: &Item, link: &Link, out: &mut String) -> Result<(), EvalError> {
        text::write_text(item, out, &mut self.budget).map_err(|error| error.or_at(link.position, "&"))
    }

    #[inline(never)]
    fn eval_link(&mut self, left: Item, link: &Link, input: &Item, env: Env) -> Result<Item, EvalError> {
        let placed = |error: EvalError| error.or_at(link.position, link.op.name());
        if matches!(link.op, Op::And | Op::Or) {
            let left = left.truth(&mut self.budget).map_err(placed)?;
            if left == (link.op == Op::Or) {
                return Ok(Item::bool(left));
            }
            let right = self.eval(&link.rhs, input, env)?;
            return right.truth(&mut self.budget).map(Item::bool).map_err(placed);
        }
        let right = self.eval(&link.rhs, input, env)?;
        let result = match link.op {
            Op::Equal | Op::NotEqual => self.equality(&left, &right, link.op),
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
                self.comparison(&left, &right, link.op)
            }
            Op::In => self.is_in(&left, &right).map(Item::bool),
            _ => arithmetic(&left, &right, link.op),
        };
        result.map_err(placed)
    }

    fn equality(&mut self, left: &Item, right: &Item, op: Op) -> Result<Item, EvalError> {
        if left.is_undefined() || right.is_undefined() {
            return Ok(Item::FALSE);
        }
        Ok(Item::bool(left.equals(right, &mut self.budget)? == (op == Op::Equal)))
    }

    fn comparison(&mut self, left: &Item, right: &Item, op: Op) -> Result<Item, EvalError> {
        let comparable = |item: &Item| item.is_undefined() || is_ordered(item);
        if !comparable(left) || !comparable(right) {
            let value = if is_ordered(left) { right } else { left };
            return Err(EvalError::new("T2010").with_value(value.quoted()));
        }
        if left.is_undefined() || right.is_undefined() {
            return Ok(Item::Undefined);
        }
        let Some(ordering) = self.ordering(left, right)? else {
            if left.as_f64().is_some() && right.as_f64().is_some() {
                return Ok(Item::FALSE);
            }
            return Err(EvalError::new("T2009").with_value(left.quoted()).with("value2", right.quoted()));
        };
        Ok(Item::bool(match op {
            Op::Less => ordering.is_lt(),
            Op::LessEqual => ordering.is_le(),
            Op::Greater => ordering.is_gt(),
            _ => ordering.is_ge(),
        }))
    }

    /// The order of two numbers or two strings; none for anything else, and for what isn't a number.
    pub(super) fn ordering(&mut self, left: &Item, right: &Item) -> Result<Option<Ordering>, EvalError> {
        if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
            self.budget.charge_reading(a.len().min(b.len()))?;
            return Ok(Some(compare_text(a, b)));
        }
        match (left.as_f64(), right.as_f64()) {
            (Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
            _ => Ok(None),
        }
    }

    /// Strict equality with an element: scalars by value, arrays and objects by identity.
    fn is_in(&mut self, left: &Item, right: &Item) -> Result<bool, EvalError> {
        if left.is_undefined() || right.is_undefined() {
            return Ok(false);
        }
        let is_scalar = |item: &Item| item.elements().is_none() && item.members().is_none();
        for element in right.elements_or_self().iter() {
            self.budget.charge_steps(1)?;
            let equal = if is_scalar(left) && is_scalar(&element) {
                left.equals(&element, &mut self.budget)?
            } else {
                left.is(&element)
            };
            if equal {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(never)]
    pub(super) fn eval_negate(
        &mut self,
        operand: &Node,
        position: u32,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let value = self.eval(operand, input, env)?;
        if value.is_undefined() {
            return Ok(value);
        }
        match value.number()? {
            Some(number) => Ok(Item::Number(-number)),
            None => Err(EvalError::new("D1002").at(position).with_token("-").with_value(value.quoted())),
        }
    }

    #[inline(never)]
    pub(super) fn eval_range(
        &mut self,
        start: &Node,
        end: &Node,
        position: u32,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let start = self.eval(start, input, env)?;
        let end = self.eval(end, input, env)?;
        self.range(&start, &end).map_err(|error| error.or_at(position, ".."))
    }

    fn range(&mut self, start: &Item, end: &Item) -> Result<Item, EvalError> {
        let whole = |item: &Item, code| match item.as_f64() {
            _ if item.is_undefined() => Ok(None),
            Some(number) if number.is_finite() && number.fract() == 0.0 => Ok(Some(number)),
            _ => Err(EvalError::new(code).with_value(item.quoted())),
        };
        let (start, end) = (whole(start, "T2003")?, whole(end, "T2004")?);
        let (Some(start), Some(end)) = (start, end) else { return Ok(Item::Undefined) };
        if start > end {
            return Ok(Item::Undefined);
        }
        let size = end - start + 1.0;
        if size > MAX_RANGE {
            return Err(EvalError::new("D2014").with_value(Some(number_value(size))));
        }
        let items = self.numbers(start, 1.0, size)?;
        Item::list(items, Flags::SEQUENCE, &mut self.budget)
    }

    /// So many numbers, charged before they are made.
    pub(crate) fn numbers(&mut self, start: f64, step: f64, size: f64) -> Result<Vec<Item>, EvalError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, at most ten millions"
        )]
        let size = size.clamp(0.0, MAX_RANGE) as usize;
        self.budget.charge_steps(size / 4)?;
        // The list is charged again when it is made; what is asked for must not be allocated before.
        if self.budget.bytes < u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(24) {
            self.budget.charge_bytes(size * 24)?;
        }
        let mut next = start;
        let mut items = Vec::with_capacity(size);
        for _ in 0..size {
            items.push(Item::Number(next));
            next += step;
        }
        Ok(items)
    }
}

/// A string or a number.
pub(super) fn is_ordered(item: &Item) -> bool {
    item.as_str().is_some() || item.as_f64().is_some()
}

/// The order of UTF-16 code units, which differs from that of code points beyond the basic plane.
pub(crate) fn compare_text(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn arithmetic(left: &Item, right: &Item, op: Op) -> Result<Item, EvalError> {
    let operand = |item: &Item, code| match item {
        Item::Undefined => Ok(None),
        other => match other.number()? {
            Some(number) => Ok(Some(number)),
            None => Err(EvalError::new(code).with_value(other.quoted())),
        },
    };
    let (left, right) = (operand(left, "T2001")?, operand(right, "T2002")?);
    let (Some(a), Some(b)) = (left, right) else { return Ok(Item::Undefined) };
    Ok(Item::Number(match op {
        Op::Add => a + b,
        Op::Subtract => a - b,
        Op::Multiply => a * b,
        Op::Divide => a / b,
        _ => a % b,
    }))
}

/// What JavaScript takes for true, which some functions ask about their callback's result.
pub(crate) fn is_truthy(item: &Item) -> bool {
    match item {
        Item::Undefined | Item::Value(Value::Null) => false,
        Item::Value(Value::Bool(value)) => *value,
        Item::Value(Value::String(text)) => !text.is_empty(),
        other => other.as_f64().is_none_or(|number| number != 0.0 && !number.is_nan()),
    }
}
