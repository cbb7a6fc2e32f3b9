//! The functions of the language.

mod array;
mod aws;
mod date;
mod encoding;
mod higher_order;
mod number;
mod object;
mod pattern;
mod string;

use std::rc::Rc;
use std::sync::LazyLock;

use newel_value::{Str, Value};
use rustc_hash::FxHashMap;

use crate::EvalError;
use crate::eval::Evaluator;
use crate::function::{Function, Native, Row};
use crate::item::{Elements, Item};

pub(crate) use number::round_to;
pub(crate) use pattern::{next_match, regex_match};

/// The function of that name (without the `$`).
pub(crate) fn find(name: &str) -> Option<&'static Native> {
    static BY_NAME: LazyLock<FxHashMap<&'static str, Native>> = LazyLock::new(|| {
        let compiled = |row: &Row| Some((row.0, Native::new(row)?));
        TABLE.iter().filter_map(compiled).collect()
    });
    BY_NAME.get(name)
}

/// Name, signature, the number of arguments that functions such as `$map` pass to it, and what it does.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Strings
    ("string", "<x-b?:s>", 1, string::string),
    ("length", "<s-:n>", 1, string::length),
    ("substring", "<s-nn?:s>", 3, string::substring),
    ("substringBefore", "<s-s:s>", 2, string::substring_before),
    ("substringAfter", "<s-s:s>", 2, string::substring_after),
    ("lowercase", "<s-:s>", 1, string::lowercase),
    ("uppercase", "<s-:s>", 1, string::uppercase),
    ("trim", "<s-:s>", 1, string::trim),
    ("pad", "<s-ns?:s>", 3, string::pad),
    ("join", "<a<s>s?:s>", 2, string::join),
    ("match", "<s-f<s:o>n?:a<o>>", 3, pattern::find_all),
    ("contains", "<s-(sf):b>", 2, pattern::contains),
    ("replace", "<s-(sf)(sf)n?:s>", 4, pattern::replace),
    ("split", "<s-(sf)n?:a<s>>", 3, pattern::split),
    ("base64encode", "<s-:s>", 1, encoding::base64_encode),
    ("base64decode", "<s-:s>", 1, encoding::base64_decode),
    ("encodeUrlComponent", "<s-:s>", 1, encoding::encode_url_component),
    ("encodeUrl", "<s-:s>", 1, encoding::encode_url),
    ("decodeUrlComponent", "<s-:s>", 1, encoding::decode_url_component),
    ("decodeUrl", "<s-:s>", 1, encoding::decode_url),
    // Numbers
    ("number", "<(nsb)-:n>", 1, number::number),
    ("abs", "<n-:n>", 1, number::abs),
    ("floor", "<n-:n>", 1, number::floor),
    ("ceil", "<n-:n>", 1, number::ceil),
    ("round", "<n-n?:n>", 2, number::round),
    ("power", "<n-n:n>", 2, number::power),
    ("sqrt", "<n-:n>", 1, number::sqrt),
    ("formatNumber", "<n-so?:s>", 3, number::format_number),
    ("formatBase", "<n-n?:s>", 2, number::format_base),
    ("formatInteger", "<n-s:s>", 2, number::format_integer),
    ("parseInteger", "<s-s:n>", 2, number::parse_integer),
    ("sum", "<a<n>:n>", 1, number::sum),
    ("max", "<a<n>:n>", 1, number::max),
    ("min", "<a<n>:n>", 1, number::min),
    ("average", "<a<n>:n>", 1, number::average),
    // Booleans
    ("boolean", "<x-:b>", 1, boolean),
    ("not", "<x-:b>", 1, not),
    ("exists", "<x:b>", 1, exists),
    // Arrays
    ("count", "<a:n>", 1, array::count),
    ("append", "<xx:a>", 2, array::append),
    ("sort", "<af?:a>", 2, array::sort),
    ("reverse", "<a:a>", 1, array::reverse),
    ("shuffle", "<a:a>", 1, array::shuffle),
    ("distinct", "<x:x>", 1, array::distinct),
    ("zip", "<a+>", 0, array::zip),
    // Objects
    ("keys", "<x-:a<s>>", 1, object::keys),
    ("lookup", "<x-s:x>", 2, object::lookup),
    ("spread", "<x-:a<o>>", 1, object::spread),
    ("merge", "<a<o>:o>", 1, object::merge),
    ("sift", "<o-f?:o>", 2, object::sift),
    ("each", "<o-f:a>", 2, object::each),
    ("clone", "<(oa)-:o>", 1, object::clone),
    ("type", "<x:s>", 1, type_of),
    ("error", "<s?:x>", 1, error),
    ("assert", "<bs?:x>", 2, assert),
    // Higher order
    ("map", "<af>", 2, higher_order::map),
    ("filter", "<af>", 2, higher_order::filter),
    ("single", "<af?>", 2, higher_order::single),
    ("reduce", "<afj?:j>", 3, higher_order::reduce),
    // Dates
    ("now", "<s?s?:s>", 2, date::now),
    ("millis", "<:n>", 0, date::millis),
    ("fromMillis", "<n-s?s?:s>", 3, date::from_millis),
    ("toMillis", "<s-s?:n>", 2, date::to_millis),
    // What AWS adds
    ("partition", "<an:a<a>>", 2, aws::partition),
    ("range", "<nnn:a<n>>", 3, aws::range),
    ("hash", "<x-s:s>", 2, aws::hash),
    ("random", "<n?:n>", 0, aws::random),
    ("uuid", "<:s>", 0, aws::uuid),
    ("parse", "<s-:x>", 1, aws::parse),
];

/// The arguments of a call. They have passed the signature, unless the function was partially applied.
pub(crate) struct Arguments(Vec<Item>);

impl Arguments {
    pub(crate) const fn new(items: Vec<Item>) -> Self {
        Self(items)
    }

    fn get(&self, at: usize) -> &Item {
        self.0.get(at).unwrap_or(&Item::Undefined)
    }

    fn take(&mut self, at: usize) -> Item {
        self.0.get_mut(at).map_or(Item::Undefined, |item| std::mem::replace(item, Item::Undefined))
    }

    pub(crate) fn mismatch<T>(&self, at: usize) -> Result<T, EvalError> {
        let index = i64::try_from(at + 1).unwrap_or(i64::MAX);
        Err(EvalError::new("T0410").with_value(self.get(at).quoted()).with("index", Some(Value::from(index))))
    }

    /// The string there; none if it is missing.
    fn text(&self, at: usize) -> Result<Option<Str>, EvalError> {
        match self.get(at) {
            Item::Undefined => Ok(None),
            Item::Value(Value::String(text)) => Ok(Some(Str::clone(text))),
            _ => self.mismatch(at),
        }
    }

    fn number(&self, at: usize) -> Result<Option<f64>, EvalError> {
        match self.get(at) {
            Item::Undefined => Ok(None),
            item => item.as_f64().map_or_else(|| self.mismatch(at), |number| Ok(Some(number))),
        }
    }

    fn function(&self, at: usize) -> Result<Option<Rc<Function>>, EvalError> {
        match self.get(at) {
            Item::Undefined => Ok(None),
            Item::Function(function) => Ok(Some(Rc::clone(function))),
            _ => self.mismatch(at),
        }
    }

    fn elements(&self, at: usize) -> Result<Option<Elements<'_>>, EvalError> {
        match self.get(at) {
            Item::Undefined => Ok(None),
            item => item.elements().map_or_else(|| self.mismatch(at), |elements| Ok(Some(elements))),
        }
    }
}

fn is_true(item: &Item) -> bool {
    matches!(item, Item::Value(Value::Bool(true)))
}

fn boolean(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match arguments.get(0) {
        Item::Undefined => Ok(Item::Undefined),
        Item::Function(_) => Ok(Item::FALSE),
        item => item.truth(&mut evaluator.budget).map(Item::bool),
    }
}

fn not(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    Ok(match boolean(evaluator, arguments)? {
        Item::Value(Value::Bool(value)) => Item::bool(!value),
        other => other,
    })
}

fn exists(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    Ok(Item::bool(!arguments.get(0).is_undefined()))
}

fn type_of(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let name = match arguments.get(0) {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Number(_) => "number",
        Item::Value(value) => value.kind().name(),
        Item::List(_) | Item::Tuples(_) => "array",
        Item::Record(_) => "object",
        Item::Function(_) => "function",
    };
    Ok(Item::string(name))
}

fn error(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let message = arguments.text(0)?.filter(|text| !text.is_empty());
    let message = message.unwrap_or_else(|| "$error() function evaluated".into());
    Err(EvalError::new("D3137").with("message", Some(message.into())))
}

fn assert(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    if is_true(arguments.get(0)) {
        return Ok(Item::Undefined);
    }
    let message = arguments.text(1)?.filter(|text| !text.is_empty());
    let message = message.unwrap_or_else(|| "$assert() statement failed".into());
    Err(EvalError::new("D3141").with("message", Some(message.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_parse_and_names_are_unique() {
        let mut names: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
        assert!(names.iter().all(|name| find(name).is_some()));
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
