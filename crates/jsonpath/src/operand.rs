//! The values that filters compare, and how.

use std::cmp::Ordering;
use std::sync::Arc;

use newel_value::{Number, Str, Value};

use crate::ast::{Operand, Operator, Pattern};
use crate::budget::BYTES_PER_STEP;
use crate::eval::Evaluator;
use crate::literal::decimal;
use crate::{Budget, QueryError};

/// An operand with its paths followed.
pub(crate) enum Resolved {
    /// A path that leads nowhere; equal to nothing.
    Undefined,
    Value(Value),
    Pattern(Arc<Pattern>),
}

pub(crate) struct Operands {
    pub(crate) left: Resolved,
    pub(crate) right: Resolved,
}

impl Evaluator<'_> {
    pub(crate) fn operand(&mut self, operand: &Operand, item: &Value) -> Result<Resolved, QueryError> {
        Ok(match operand {
            Operand::Path(path) => match self.value(path, item) {
                Ok(value) => Resolved::Value(value),
                Err(QueryError::NoResults(_)) => Resolved::Undefined,
                Err(other) => return Err(other),
            },
            Operand::Null => Resolved::Value(Value::Null),
            Operand::Bool(bool) => Resolved::Value((*bool).into()),
            Operand::Number(number) => Resolved::Value(number.clone().into()),
            Operand::String(text) => Resolved::Value(Value::String(text.clone())),
            Operand::Json(json) => Resolved::Value(json.clone()),
            Operand::Pattern(pattern) => Resolved::Pattern(Arc::clone(pattern)),
        })
    }
}

/// Compares, and charges for the size of what it compares.
pub(crate) struct Comparison<'b> {
    pub(crate) budget: &'b mut Budget,
}

impl Comparison<'_> {
    pub(crate) fn holds(&mut self, operator: Operator, operands: &Operands) -> Result<bool, QueryError> {
        let (left, right) = (&operands.left, &operands.right);
        match operator {
            Operator::Equal => self.equal(left, right),
            Operator::NotEqual => Ok(!self.equal(left, right)?),
            Operator::SameTypeEqual => self.same_type_equal(left, right),
            Operator::NotSameTypeEqual => Ok(!self.same_type_equal(left, right)?),
            Operator::Less => self.ordered(left, right, Ordering::is_lt),
            Operator::LessOrEqual => self.ordered(left, right, Ordering::is_le),
            Operator::Greater => self.ordered(left, right, Ordering::is_gt),
            Operator::GreaterOrEqual => self.ordered(left, right, Ordering::is_ge),
            Operator::Matches => self.matches(left, right),
            Operator::In => self.is_in(left, right),
            Operator::NotIn => Ok(!self.is_in(left, right)?),
            Operator::SubsetOf => self.subset(left, right),
            Operator::Contains => self.contains(left, right),
            Operator::Size => Ok(size(left, right)),
            Operator::Empty => empty(left, right),
            Operator::Unsatisfiable => Err(unusable("operand")),
        }
    }

    fn equal(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        match (left, right) {
            (Resolved::Value(left), Resolved::Value(right)) => self.equal_values(left, right),
            _ => Ok(false),
        }
    }

    fn same_type_equal(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        match (left, right) {
            (Resolved::Value(a), Resolved::Value(b)) if json_type(a) == json_type(b) => {
                self.equal_values(a, b)
            }
            _ => Ok(false),
        }
    }

    /// `==`: a number equals a string that spells it, and a string the number whose text it is.
    fn equal_values(&mut self, left: &Value, right: &Value) -> Result<bool, QueryError> {
        match (left, right) {
            (Value::String(left), Value::Number(right)) => Ok(**left == *right.to_string()),
            (Value::Number(left), Value::String(right)) => {
                self.charge_text(right)?;
                Ok(decimal(right).is_some_and(|right| *left == right))
            }
            _ => self.same(left, right),
        }
    }

    /// Deep equality, without recursion and paid by the node.
    fn same(&mut self, left: &Value, right: &Value) -> Result<bool, QueryError> {
        let mut pending = vec![(left, right)];
        while let Some((left, right)) = pending.pop() {
            self.budget.charge_steps(1)?;
            match (left, right) {
                (Value::Array(a), Value::Array(b)) => {
                    if a.len() != b.len() {
                        return Ok(false);
                    }
                    pending.extend(a.iter().zip(b.iter()));
                }
                (Value::Object(a), Value::Object(b)) => {
                    if a.len() != b.len() {
                        return Ok(false);
                    }
                    for (name, member) in a.iter() {
                        let Some(other) = b.get(name) else { return Ok(false) };
                        pending.push((member, other));
                    }
                }
                (Value::String(a), Value::String(b)) => {
                    self.charge_text(a)?;
                    if a != b {
                        return Ok(false);
                    }
                }
                (scalar, other) => {
                    if scalar != other {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Numbers compare with numbers and strings with strings; nothing else is ordered.
    fn ordered(
        &mut self,
        left: &Resolved,
        right: &Resolved,
        wanted: fn(Ordering) -> bool,
    ) -> Result<bool, QueryError> {
        let ordering = match (left, right) {
            (Resolved::Value(Value::Number(left)), Resolved::Value(Value::Number(right))) => {
                compare_numbers(left, right)
            }
            (Resolved::Value(Value::String(left)), Resolved::Value(Value::String(right))) => {
                self.charge_text(left)?;
                // Java orders strings by their UTF-16 units.
                Some(left.encode_utf16().cmp(right.encode_utf16()))
            }
            _ => None,
        };
        Ok(ordering.is_some_and(wanted))
    }

    /// `=~`, with the pattern on either side.
    fn matches(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        let (pattern, input) = match (left, right) {
            (Resolved::Pattern(_), Resolved::Pattern(_)) => return Ok(false),
            (Resolved::Pattern(pattern), input) | (input, Resolved::Pattern(pattern)) => (pattern, input),
            _ => return Ok(false),
        };
        let input: Str = match input {
            Resolved::Value(Value::String(text)) => text.clone(),
            Resolved::Value(Value::Number(number)) => number.to_string().into(),
            Resolved::Value(Value::Bool(bool)) => bool.to_string().into(),
            _ => "".into(),
        };
        self.budget.charge_steps((input.len() / BYTES_PER_STEP + 1) * pattern.weight)?;
        Ok(pattern.regex.is_match(&input))
    }

    fn is_in(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        match list(right)? {
            Some(items) => self.any_equal(items, left),
            None => Ok(false),
        }
    }

    fn subset(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        let (Some(all), Some(some)) = (list(right)?, list(left)?) else { return Ok(false) };
        for item in some {
            if !self.any_equal(all, &Resolved::Value(item.clone()))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn contains(&mut self, left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
        match (left, right) {
            (Resolved::Value(Value::String(text)), Resolved::Value(Value::String(part))) => {
                self.charge_text(text)?;
                Ok(text.contains(&**part))
            }
            (Resolved::Value(Value::Array(items)), right) => self.any_equal(items, right),
            _ => Ok(false),
        }
    }

    fn any_equal(&mut self, items: &[Value], wanted: &Resolved) -> Result<bool, QueryError> {
        let Resolved::Value(wanted) = wanted else { return Ok(false) };
        for item in items {
            self.budget.charge_steps(1)?;
            if self.equal_values(wanted, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn charge_text(&mut self, text: &str) -> Result<(), QueryError> {
        self.budget.charge_steps(text.len() / BYTES_PER_STEP)
    }
}

/// The elements of an array; none for an object, which is a value Jayway looks into in vain; an error for what it can't.
fn list(operand: &Resolved) -> Result<Option<&[Value]>, QueryError> {
    match operand {
        Resolved::Value(Value::Array(items)) => Ok(Some(items)),
        Resolved::Value(Value::Object(_)) => Ok(None),
        _ => Err(unusable("value list node")),
    }
}

fn size(left: &Resolved, right: &Resolved) -> bool {
    let Resolved::Value(Value::Number(wanted)) = right else { return false };
    let size = match left {
        Resolved::Value(Value::String(text)) => Some(text.encode_utf16().count()),
        Resolved::Value(Value::Array(items)) => Some(items.len()),
        _ => None,
    };
    size.and_then(|size| i64::try_from(size).ok()).is_some_and(|size| wanted.as_i64() == Some(size))
}

fn empty(left: &Resolved, right: &Resolved) -> Result<bool, QueryError> {
    let is_empty = match left {
        Resolved::Value(Value::String(text)) => text.is_empty(),
        Resolved::Value(Value::Array(items)) => items.is_empty(),
        Resolved::Value(Value::Object(object)) => object.is_empty(),
        _ => return Ok(false),
    };
    match right {
        Resolved::Value(Value::Bool(wanted)) => Ok(is_empty == *wanted),
        _ => Err(unusable("boolean node")),
    }
}

fn unusable(node: &str) -> QueryError {
    QueryError::Invalid(format!("Expected {node}"))
}

/// The types that `===` tells apart: arrays and objects are one, as both are JSON nodes to Jayway.
fn json_type(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64().partial_cmp(&right.as_f64()),
    }
}
