//! Functions that take functions.

use std::rc::Rc;

use newel_value::Value;

use super::Arguments;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::function::Function;
use crate::item::{Flags, Item};

/// Calls a function with an element, its place and the whole: as many of them as it declares.
pub(super) fn call_with(
    evaluator: &mut Evaluator<'_>,
    function: &Rc<Function>,
    item: Item,
    place: Item,
    whole: &Item,
) -> Result<Item, EvalError> {
    let mut arguments = Vec::with_capacity(3);
    arguments.push(item);
    let arity = function.arity();
    if arity >= 2 {
        arguments.push(place);
    }
    if arity >= 3 {
        arguments.push(whole.clone());
    }
    evaluator.call(function, arguments, &Item::Value(Value::Null))
}

pub(super) fn map(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let mut results = Vec::with_capacity(elements.len().min(1_024));
    for (at, item) in elements.iter().enumerate() {
        let result = call_with(evaluator, &function, item, Item::count(at), arguments.get(0))?;
        if !result.is_undefined() {
            evaluator.budget.charge_bytes(24)?;
            results.push(result);
        }
    }
    Item::list(results, Flags::SEQUENCE, &mut evaluator.budget)
}

pub(super) fn filter(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let mut kept = Vec::new();
    for (at, item) in elements.iter().enumerate() {
        let result = call_with(evaluator, &function, item.clone(), Item::count(at), arguments.get(0))?;
        if result.truth(&mut evaluator.budget)? {
            kept.push(item);
        }
    }
    Item::list(kept, Flags::SEQUENCE, &mut evaluator.budget)
}

pub(super) fn single(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let function = arguments.function(1)?;
    let mut found = None;
    for (at, item) in elements.iter().enumerate() {
        evaluator.budget.charge_steps(1)?;
        let matches = match &function {
            Some(function) => {
                let result = call_with(evaluator, function, item.clone(), Item::count(at), arguments.get(0))?;
                result.truth(&mut evaluator.budget)?
            }
            None => true,
        };
        if matches && found.replace(item).is_some() {
            return Err(EvalError::new("D3138"));
        }
    }
    found.ok_or_else(|| EvalError::new("D3139"))
}

pub(super) fn reduce(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Result<Item, EvalError> {
    let initial = arguments.take(2);
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let arity = function.arity();
    if arity < 2 {
        return Err(EvalError::new("D3050").with("index", Some(Value::from(1))));
    }
    let mut items = elements.iter().enumerate();
    let mut result = initial;
    if result.is_undefined()
        && let Some((_, first)) = items.next()
    {
        result = first;
    }
    for (at, item) in items {
        let mut call = vec![result, item];
        if arity >= 3 {
            call.push(Item::count(at));
        }
        if arity >= 4 {
            call.push(arguments.get(0).clone());
        }
        result = evaluator.call(&function, call, &Item::Value(Value::Null))?;
    }
    Ok(result)
}
