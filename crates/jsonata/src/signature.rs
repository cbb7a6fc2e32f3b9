//! Function signatures such as `<s-nn?:s>`: which arguments a function takes.

use newel_value::{Str, Value};

use crate::budget::Budget;
use crate::item::{Elements, Flags, Item};
use crate::{EvalError, ParseError};

/// A parsed signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signature {
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug)]
struct Parameter {
    /// The letters of the types it takes; `m` is a missing argument.
    types: Str,
    array: bool,
    /// Of an array's elements.
    subtype: Option<Str>,
    count: Count,
    context: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    One,
    Optional,
    Many,
}

const ANY: &str = "asnblfom";

impl Signature {
    /// Reads a signature that begins at that byte of an expression.
    pub(crate) fn parse(text: &str, at: u32) -> Result<Self, ParseError> {
        let symbols: Vec<char> = text.chars().collect();
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut position = 1;
        while let Some(symbol) = symbols.get(position).copied().filter(|symbol| *symbol != ':') {
            let error = |code| ParseError::new(code).at(at + u32::try_from(position).unwrap_or(0));
            match symbol {
                's' | 'n' | 'b' | 'l' | 'o' => parameters.push(Parameter::new(&format!("{symbol}m"))),
                'a' => parameters.push(Parameter { array: true, ..Parameter::new(ANY) }),
                'f' => parameters.push(Parameter::new("f")),
                'j' => parameters.push(Parameter::new("asnblom")),
                'x' => parameters.push(Parameter::new(ANY)),
                '-' | '?' | '+' => {
                    if let Some(last) = parameters.last_mut() {
                        last.context |= symbol == '-';
                        last.count = if symbol == '+' { Count::Many } else { Count::Optional };
                    }
                }
                '(' => {
                    let end = closing(&symbols, position, '(', ')');
                    let choice: String = symbols[position + 1..end.min(symbols.len())].iter().collect();
                    if choice.contains('<') {
                        return Err(error("S0402").with_value(Some(choice.into())));
                    }
                    parameters.push(Parameter::new(&format!("{choice}m")));
                    position = end;
                }
                '<' => {
                    let last = parameters.last_mut().filter(|last| last.array || &*last.types == "f");
                    let Some(last) = last else {
                        return Err(error("S0401"));
                    };
                    let end = closing(&symbols, position, '<', '>');
                    let subtype: String = symbols[position + 1..end.min(symbols.len())].iter().collect();
                    last.subtype = Some(subtype.into());
                    position = end;
                }
                _ => {}
            }
            position += 1;
        }
        Ok(Self { parameters })
    }

    /// The arguments as the function takes them: the context in place of a missing first one, a single value made an
    /// array where one is wanted.
    pub(crate) fn check(
        &self,
        arguments: Vec<Item>,
        context: &Item,
        budget: &mut Budget,
    ) -> Result<Vec<Item>, EvalError> {
        let arguments = match self.check_in_place(arguments, budget)? {
            Ok(checked) => return Ok(checked),
            Err(arguments) => arguments,
        };
        let symbols: Vec<u8> = arguments.iter().map(symbol).collect();
        let mut counts = vec![0; self.parameters.len()];
        if !matches(&self.parameters, &symbols, true, &mut counts) {
            return Err(self.mismatch(&symbols, &arguments));
        }
        let mut checked = Vec::with_capacity(self.parameters.len());
        // An optional argument that is missing still moves on to the next argument, as in the reference implementation, so
        // what a parameter matched and what it gets may differ.
        let (mut matched, mut next) = (0, 0);
        let argument = |at: usize| arguments.get(at).cloned().unwrap_or(Item::Undefined);
        for (parameter, count) in self.parameters.iter().zip(counts) {
            let first = argument(next);
            if count == 0 {
                if parameter.context {
                    if !parameter.takes(symbol(context)) {
                        return Err(at_index("T0411", next, context));
                    }
                    checked.push(context.clone());
                } else {
                    checked.push(first);
                    next += 1;
                }
                continue;
            }
            for kind in &symbols[matched..matched + count] {
                checked.push(if parameter.array {
                    parameter.array_argument(&argument(next), *kind, next, budget)?
                } else {
                    first.clone()
                });
                next += 1;
            }
            matched += count;
        }
        Ok(checked)
    }

    /// The common case: every argument is there and fits its parameter. Otherwise gives them back.
    fn check_in_place(
        &self,
        mut arguments: Vec<Item>,
        budget: &mut Budget,
    ) -> Result<Result<Vec<Item>, Vec<Item>>, EvalError> {
        budget.charge_steps(1 + arguments.len() / 4)?;
        let optional = |parameter: &Parameter| parameter.count == Count::Optional && !parameter.context;
        let fits = arguments.len() <= self.parameters.len()
            && self.parameters[arguments.len()..].iter().all(optional)
            && self.parameters.iter().zip(&arguments).all(|(parameter, argument)| {
                parameter.count != Count::Many && parameter.takes(symbol(argument))
            });
        if !fits {
            return Ok(Err(arguments));
        }
        for (at, (parameter, argument)) in self.parameters.iter().zip(&mut arguments).enumerate() {
            let kind = symbol(argument);
            if parameter.array && (kind != b'a' || parameter.subtype.is_some()) {
                *argument = parameter.array_argument(argument, kind, at, budget)?;
            }
        }
        arguments.resize(self.parameters.len(), Item::Undefined);
        Ok(Ok(arguments))
    }

    fn mismatch(&self, symbols: &[u8], arguments: &[Item]) -> EvalError {
        let mut good = 0;
        for end in 1..=self.parameters.len() {
            let mut counts = vec![0; end];
            if !matches(&self.parameters[..end], symbols, false, &mut counts) {
                break;
            }
            good = counts.iter().sum();
        }
        at_index("T0410", good, arguments.get(good).unwrap_or(&Item::Undefined))
    }
}

impl Parameter {
    fn new(types: &str) -> Self {
        Self { types: types.into(), array: false, subtype: None, count: Count::One, context: false }
    }

    fn takes(&self, symbol: u8) -> bool {
        self.types.as_bytes().contains(&symbol)
    }

    fn array_argument(
        &self,
        argument: &Item,
        kind: u8,
        at: usize,
        budget: &mut Budget,
    ) -> Result<Item, EvalError> {
        if kind == b'm' {
            return Ok(Item::Undefined);
        }
        if let Some(subtype) = &self.subtype {
            let wanted = subtype.bytes().next().unwrap_or(b'x');
            let good = match argument.elements() {
                Some(elements) => {
                    budget.charge_steps(elements.len() / 4)?;
                    match elements {
                        Elements::Items(items) => items.iter().all(|item| symbol(item) == wanted),
                        Elements::Values(values) => values.iter().all(|value| value_symbol(value) == wanted),
                    }
                }
                None => kind == wanted && subtype.len() == 1,
            };
            if !good {
                let name = match wanted {
                    b'a' => "arrays",
                    b'b' => "booleans",
                    b'f' => "functions",
                    b'n' => "numbers",
                    b'o' => "objects",
                    _ => "strings",
                };
                return Err(at_index("T0412", at, argument).with("type", Some(name.into())));
            }
        }
        if kind == b'a' {
            Ok(argument.clone())
        } else {
            Item::list(vec![argument.clone()], Flags::PLAIN, budget)
        }
    }
}

fn at_index(code: &'static str, index: usize, value: &Item) -> EvalError {
    let number = i64::try_from(index + 1).unwrap_or(i64::MAX);
    EvalError::new(code).with_value(value.quoted()).with("index", Some(Value::from(number)))
}

/// Whether the parameters take the arguments, as many each as they can; `counts` says how many.
fn matches(parameters: &[Parameter], symbols: &[u8], whole: bool, counts: &mut [usize]) -> bool {
    let (Some((first, rest)), Some((count, counts))) = (parameters.split_first(), counts.split_first_mut())
    else {
        return !whole || symbols.is_empty();
    };
    let limit = if first.count == Count::Many { symbols.len() } else { 1 };
    let most = symbols.iter().take(limit).take_while(|symbol| first.takes(**symbol)).count();
    let least = usize::from(first.count != Count::Optional);
    for taken in (least..=most).rev() {
        if matches(rest, &symbols[taken..], whole, counts) {
            *count = taken;
            return true;
        }
    }
    false
}

/// The letter of an item's type.
pub(crate) fn symbol(item: &Item) -> u8 {
    match item {
        Item::Undefined => b'm',
        Item::Function(_) => b'f',
        Item::Number(_) => b'n',
        Item::Value(value) => value_symbol(value),
        Item::List(_) | Item::Tuples(_) => b'a',
        Item::Record(_) => b'o',
    }
}

const fn value_symbol(value: &Value) -> u8 {
    match value {
        Value::Null => b'l',
        Value::Bool(_) => b'b',
        Value::Number(_) => b'n',
        Value::String(_) => b's',
        Value::Array(_) => b'a',
        Value::Object(_) => b'o',
    }
}

/// Where the bracket that opens at `start` closes, or the end.
fn closing(symbols: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 0;
    for (at, symbol) in symbols.iter().enumerate().skip(start) {
        if *symbol == open {
            depth += 1;
        } else if *symbol == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    symbols.len()
}
