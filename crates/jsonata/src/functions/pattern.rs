//! Functions that match: with a string, a regular expression, or a function that works as one.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use newel_value::{Str, Value};

use super::Arguments;
use crate::EvalError;
use crate::budget::Budget;
use crate::eval::Evaluator;
use crate::function::Function;
use crate::item::{Flags, Item, RecordBuilder};
use crate::matcher::{Found, Matcher};

/// The members' names of what matching gives, made once.
struct Names {
    matched: Str,
    index: Str,
    start: Str,
    end: Str,
    groups: Str,
    next: Str,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    matched: "match".into(),
    index: "index".into(),
    start: "start".into(),
    end: "end".into(),
    groups: "groups".into(),
    next: "next".into(),
});

/// A match, whichever way it was found.
struct Match {
    /// Bytes of the text.
    start: usize,
    end: usize,
    text: Item,
    groups: Vec<Item>,
    /// What the matching function gave.
    object: Option<Item>,
}

/// Finds one match after another.
enum Search {
    Regex {
        matcher: Arc<Matcher>,
        from: usize,
        first: bool,
    },
    /// A function that gives an object with `match`, `start`, `end`, `groups` and `next`.
    Custom {
        next: Item,
        first: bool,
    },
}

impl Search {
    fn new(function: Rc<Function>) -> Self {
        match &*function {
            Function::Regex(matcher) => Self::Regex { matcher: Arc::clone(matcher), from: 0, first: true },
            _ => Self::Custom { next: Item::Function(function), first: true },
        }
    }

    fn next(&mut self, evaluator: &mut Evaluator<'_>, text: &Str) -> Result<Option<Match>, EvalError> {
        match self {
            Self::Regex { matcher, from, first } => {
                let is_first = std::mem::take(first);
                if !is_first && *from >= text.len() {
                    return Ok(None);
                }
                let Some(found) = matcher.find(text, *from, &mut evaluator.budget)? else { return Ok(None) };
                if !is_first && found.start == found.end {
                    return Err(empty_match(matcher));
                }
                *from = found.end;
                let budget = &mut evaluator.budget;
                budget.charge_text(found.end - found.start)?;
                let groups = group_items(&found, text, budget)?;
                let whole = Item::string(&text[found.start..found.end]);
                Ok(Some(Match { start: found.start, end: found.end, text: whole, groups, object: None }))
            }
            Self::Custom { next, first } => {
                let Item::Function(function) = next else { return Ok(None) };
                let arguments = if std::mem::take(first) {
                    vec![Item::Value(Value::String(Arc::clone(text)))]
                } else {
                    Vec::new()
                };
                let function = Rc::clone(function);
                let result = evaluator.call(&function, arguments, &Item::Value(Value::Null))?;
                if result.is_undefined() {
                    return Ok(None);
                }
                let found = custom_match(&result, text)?;
                *next = result.members().and_then(|members| members.get("next")).unwrap_or(Item::Undefined);
                Ok(Some(found))
            }
        }
    }
}

fn empty_match(matcher: &Matcher) -> EvalError {
    EvalError::new("D1004").with_value(Some(Value::String(Arc::clone(matcher.pattern()))))
}

fn group_items(found: &Found, text: &str, budget: &mut Budget) -> Result<Vec<Item>, EvalError> {
    let mut groups = Vec::with_capacity(found.groups.len());
    for group in &found.groups {
        groups.push(match group {
            Some((start, end)) => {
                budget.charge_text(end - start)?;
                Item::string(&text[*start..*end])
            }
            None => Item::Undefined,
        });
    }
    Ok(groups)
}

fn custom_match(object: &Item, text: &str) -> Result<Match, EvalError> {
    let member = |name: &str| object.members().and_then(|members| members.get(name));
    let (start, end, groups) = (member("start"), member("end"), member("groups"));
    let known = start.as_ref().is_some_and(|start| start.as_f64().is_some())
        || end.as_ref().is_some_and(|end| end.as_f64().is_some())
        || groups.as_ref().is_some_and(Item::is_array)
        || matches!(member("next"), Some(Item::Function(_)));
    if !known {
        return Err(EvalError::new("T1010"));
    }
    let place = |item: Option<Item>| byte_of(text, item.and_then(|item| item.as_f64()).unwrap_or(0.0));
    let matched = member("match").unwrap_or(Item::Undefined);
    let start = place(start);
    let groups = groups.map(|groups| groups.elements_or_self().iter().collect()).unwrap_or_default();
    Ok(Match { start, end: place(end), text: matched, groups, object: Some(object.clone()) })
}

/// The byte at which a UTF-16 unit begins.
fn byte_of(text: &str, unit: f64) -> usize {
    let mut units = 0.0;
    for (at, symbol) in text.char_indices() {
        if units >= unit {
            return at;
        }
        units += if symbol.len_utf16() == 2 { 2.0 } else { 1.0 };
    }
    text.len()
}

/// How many UTF-16 units come before a byte.
fn unit_of(text: &str, byte: usize) -> Item {
    let before = &text[..byte];
    Item::count(if before.is_ascii() { byte } else { before.encode_utf16().count() })
}

/// What a regular expression gives as a function: the first match from a place on, with a function for the next.
pub(crate) fn regex_match(
    evaluator: &mut Evaluator<'_>,
    matcher: &Arc<Matcher>,
    arguments: &[Item],
) -> Result<Item, EvalError> {
    let Some(Item::Value(Value::String(text))) = arguments.first() else { return Ok(Item::Undefined) };
    evaluator.budget.charge_reading(text.len())?;
    let from = arguments.get(1).and_then(Item::as_f64).map_or(0, |from| byte_of(text, from));
    match_object(evaluator, matcher, text, from, true)
}

/// What a match's `next` function gives.
pub(crate) fn next_match(
    evaluator: &mut Evaluator<'_>,
    matcher: &Arc<Matcher>,
    text: &Str,
    from: usize,
) -> Result<Item, EvalError> {
    if from >= text.len() { Ok(Item::Undefined) } else { match_object(evaluator, matcher, text, from, false) }
}

fn match_object(
    evaluator: &mut Evaluator<'_>,
    matcher: &Arc<Matcher>,
    text: &Str,
    from: usize,
    may_be_empty: bool,
) -> Result<Item, EvalError> {
    let Some(found) = matcher.find(text, from, &mut evaluator.budget)? else { return Ok(Item::Undefined) };
    if !may_be_empty && found.start == found.end {
        return Err(empty_match(matcher));
    }
    evaluator.budget.charge_text(found.end - found.start)?;
    let groups = group_items(&found, text, &mut evaluator.budget)?;
    let names = &*NAMES;
    let mut record = RecordBuilder::with_capacity(5);
    record.push(Arc::clone(&names.matched), Item::string(&text[found.start..found.end]));
    record.push(Arc::clone(&names.start), unit_of(text, found.start));
    record.push(Arc::clone(&names.end), unit_of(text, found.end));
    record.push(Arc::clone(&names.groups), Item::list(groups, Flags::PLAIN, &mut evaluator.budget)?);
    let next = Function::NextMatch { matcher: Arc::clone(matcher), text: Arc::clone(text), from: found.end };
    record.push(Arc::clone(&names.next), Item::function(next));
    record.build(&mut evaluator.budget)
}

pub(super) fn contains(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_reading(text.len())?;
    match arguments.get(1) {
        Item::Value(Value::String(part)) => Ok(Item::bool(text.contains(&**part))),
        Item::Function(function) => match &**function {
            Function::Regex(matcher) => matcher.is_match(&text, &mut evaluator.budget).map(Item::bool),
            _ => {
                let found = Search::new(Rc::clone(function)).next(evaluator, &text)?;
                Ok(Item::bool(found.is_some()))
            }
        },
        _ => arguments.mismatch(1),
    }
}

/// Whether fewer than `limit` were found, if there is a limit.
fn below(count: u32, limit: Option<f64>) -> bool {
    limit.is_none_or(|limit| f64::from(count) < limit)
}

fn limit_of(arguments: &Arguments, at: usize, code: &'static str) -> Result<Option<f64>, EvalError> {
    match arguments.number(at)? {
        Some(limit) if limit < 0.0 => {
            let index = i64::try_from(at + 1).unwrap_or(i64::MAX);
            Err(EvalError::new(code)
                .with_value(arguments.get(at).quoted())
                .with("index", Some(Value::from(index))))
        }
        limit => Ok(limit),
    }
}

/// `$match`
pub(super) fn find_all(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    let limit = limit_of(&arguments, 2, "D3040")?;
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let names = &*NAMES;
    let mut search = Search::new(function);
    let mut results = Vec::new();
    let mut count = 0;
    // Counting units from the last match on keeps this linear.
    let (mut counted, mut units) = (0, 0);
    let mut next = if below(0, limit) { search.next(evaluator, &text)? } else { None };
    while let Some(found) = next.take_if(|_| below(count, limit)) {
        if found.start >= counted {
            units += text[counted..found.start].encode_utf16().count();
            counted = found.start;
        }
        let mut record = RecordBuilder::with_capacity(3);
        record.push(Arc::clone(&names.matched), found.text);
        record.push(Arc::clone(&names.index), Item::count(units));
        record
            .push(Arc::clone(&names.groups), Item::list(found.groups, Flags::PLAIN, &mut evaluator.budget)?);
        results.push(record.build(&mut evaluator.budget)?);
        // The next match is looked for even if it isn't asked for, as in the reference implementation: it may fail.
        next = search.next(evaluator, &text)?;
        count += 1;
    }
    Item::list(results, Flags::SEQUENCE, &mut evaluator.budget)
}

pub(super) fn split(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    let limit = limit_of(&arguments, 2, "D3020")?;
    let mut parts = Vec::new();
    match arguments.get(1) {
        Item::Value(Value::String(separator)) => {
            evaluator.budget.charge_reading(text.len())?;
            let limit = limit.map(f64::floor);
            let mut add = |part: &str| {
                evaluator.budget.charge_text(part.len())?;
                evaluator.budget.charge_bytes(40)?;
                parts.push(Item::string(part));
                Ok::<bool, EvalError>(below(u32::try_from(parts.len()).unwrap_or(u32::MAX), limit))
            };
            if !below(0, limit) {
                // Nothing is asked for.
            } else if separator.is_empty() {
                for (at, symbol) in text.char_indices() {
                    if !add(&text[at..at + symbol.len_utf8()])? {
                        break;
                    }
                }
            } else {
                for part in text.split(&**separator) {
                    if !add(part)? {
                        break;
                    }
                }
            }
        }
        Item::Function(function) => {
            let mut search = Search::new(Rc::clone(function));
            let (mut start, mut count) = (0, 0);
            let mut rest = below(0, limit);
            let mut next = if rest { search.next(evaluator, &text)? } else { None };
            while let Some(found) = next.take_if(|_| below(count, limit)) {
                evaluator.budget.charge_text(found.start.saturating_sub(start))?;
                parts.push(Item::string(text.get(start..found.start).unwrap_or_default()));
                start = found.end;
                next = search.next(evaluator, &text)?;
                count += 1;
                rest = below(count, limit);
            }
            if rest {
                evaluator.budget.charge_text(text.len() - start)?;
                parts.push(Item::string(&text[start..]));
            }
        }
        _ => return arguments.mismatch(1),
    }
    Item::list(parts, Flags::PLAIN, &mut evaluator.budget)
}

pub(super) fn replace(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    if arguments.get(1).as_str().is_some_and(str::is_empty) {
        return Err(EvalError::new("D3010").with_value(Some("".into())).with("index", Some(Value::from(2))));
    }
    let limit = limit_of(&arguments, 3, "D3011")?;
    if !below(0, limit) {
        return Ok(Item::string(text));
    }
    match arguments.get(1) {
        Item::Value(Value::String(pattern)) => match arguments.text(2) {
            Ok(Some(replacement)) => replace_text(evaluator, &text, pattern, &replacement, limit),
            _ if !text.contains(&**pattern) => Ok(Item::string(text)),
            _ => arguments.mismatch(2),
        },
        Item::Function(function) => replace_matches(evaluator, &arguments, &text, function, limit),
        _ => arguments.mismatch(1),
    }
}

fn replace_text(
    evaluator: &mut Evaluator<'_>,
    text: &str,
    pattern: &str,
    replacement: &str,
    limit: Option<f64>,
) -> Result<Item, EvalError> {
    evaluator.budget.charge_text(text.len())?;
    let mut out = String::with_capacity(text.len());
    let (mut position, mut count) = (0, 0);
    while below(count, limit) {
        let Some(at) = text[position..].find(pattern) else { break };
        evaluator.budget.charge_text(replacement.len())?;
        out.push_str(&text[position..position + at]);
        out.push_str(replacement);
        position += at + pattern.len();
        count += 1;
    }
    out.push_str(&text[position..]);
    Ok(Item::string(out))
}

fn replace_matches(
    evaluator: &mut Evaluator<'_>,
    arguments: &Arguments,
    text: &Str,
    function: &Rc<Function>,
    limit: Option<f64>,
) -> Result<Item, EvalError> {
    evaluator.budget.charge_text(text.len())?;
    let mut search = Search::new(Rc::clone(function));
    let mut out = String::with_capacity(text.len());
    let (mut position, mut count) = (0, 0);
    let mut next = search.next(evaluator, text)?;
    while let Some(found) = next.take_if(|_| below(count, limit)) {
        out.push_str(text.get(position..found.start).unwrap_or_default());
        match arguments.get(2) {
            Item::Value(Value::String(template)) => {
                expand(template, &found, &mut out, &mut evaluator.budget)?;
            }
            Item::Function(replacer) => {
                let replacer = Rc::clone(replacer);
                let object = replacer_argument(evaluator, text, &found)?;
                let replaced = evaluator.call(&replacer, vec![object], &Item::Value(Value::Null))?;
                let Some(replaced) = replaced.as_str() else {
                    return Err(EvalError::new("D3012").with_value(replaced.quoted()));
                };
                evaluator.budget.charge_text(replaced.len())?;
                out.push_str(replaced);
            }
            _ => return arguments.mismatch(2),
        }
        position = found.start + found.text.as_str().map_or(0, str::len);
        next = search.next(evaluator, text)?;
        count += 1;
    }
    out.push_str(text.get(position..).unwrap_or_default());
    Ok(Item::string(out))
}

fn replacer_argument(evaluator: &mut Evaluator<'_>, text: &Str, found: &Match) -> Result<Item, EvalError> {
    if let Some(object) = &found.object {
        return Ok(object.clone());
    }
    evaluator.budget.charge_reading(found.end)?;
    let names = &*NAMES;
    let mut record = RecordBuilder::with_capacity(4);
    record.push(Arc::clone(&names.matched), found.text.clone());
    record.push(Arc::clone(&names.start), unit_of(text, found.start));
    record.push(Arc::clone(&names.end), unit_of(text, found.end));
    record.push(
        Arc::clone(&names.groups),
        Item::list(found.groups.clone(), Flags::PLAIN, &mut evaluator.budget)?,
    );
    record.build(&mut evaluator.budget)
}

/// Appends a replacement: `$$` is a dollar sign, `$0` the match, `$n` a group, of as many digits as there are groups.
fn expand(template: &str, found: &Match, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    budget.charge_text(template.len())?;
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('0') {
            append(&found.text, out, budget)?;
            rest = after;
            continue;
        }
        let groups = found.groups.len();
        let most = if groups == 0 { 1 } else { groups.ilog10() as usize + 1 };
        let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let mut index = rest[..digits].parse::<usize>().ok();
        if most > 1 && index.is_some_and(|index| index > groups) {
            let fewer = digits.min(most - 1);
            index = rest[..fewer].parse().ok();
        }
        match index {
            Some(index) => {
                if let Some(group) = index.checked_sub(1).and_then(|at| found.groups.get(at)) {
                    append(group, out, budget)?;
                }
                rest = &rest[index.to_string().len().min(rest.len())..];
            }
            None => out.push('$'),
        }
    }
    out.push_str(rest);
    Ok(())
}

fn append(item: &Item, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    if let Some(text) = item.as_str() {
        budget.charge_text(text.len())?;
        out.push_str(text);
    }
    Ok(())
}
