//! What expressions mean for an item.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::Item;
use super::expression::{Comparator, Condition, Operand, Path, PathPart, Update};

/// Whether a condition holds for an item.
pub(super) fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::Compare(left, comparator, right) => {
            compare(*comparator, value_of(left, item).as_ref(), value_of(right, item).as_ref())
        }
        Condition::Between(value, low, high) => {
            let value = value_of(value, item);
            compare(Comparator::GreaterOrEqual, value.as_ref(), value_of(low, item).as_ref())
                && compare(Comparator::LessOrEqual, value.as_ref(), value_of(high, item).as_ref())
        }
        Condition::Exists(path) => look_up(path, item).is_some(),
        Condition::BeginsWith(whole, start) => match (value_of(whole, item), value_of(start, item)) {
            (Some(whole), Some(start)) => {
                text(&whole).zip(text(&start)).is_some_and(|(w, s)| w.starts_with(s))
            }
            _ => false,
        },
        Condition::Contains(whole, part) => match (value_of(whole, item), value_of(part, item)) {
            (Some(whole), Some(part)) => contains(&whole, &part),
            _ => false,
        },
        Condition::Not(inner) => !holds(inner, item),
        Condition::And(left, right) => holds(left, item) && holds(right, item),
        Condition::Or(left, right) => holds(left, item) || holds(right, item),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.get("S")?.as_str()
}

fn contains(whole: &Value, part: &Value) -> bool {
    if let (Some(whole), Some(part)) = (text(whole), text(part)) {
        return whole.contains(part);
    }
    if let Some(list) = whole.get("L").and_then(Value::as_array) {
        return list.contains(part);
    }
    let kinds = [("SS", "S"), ("NS", "N"), ("BS", "B")];
    kinds.iter().any(|(set, element)| {
        let set = whole.get(set).and_then(Value::as_array);
        set.zip(part.get(element)).is_some_and(|(set, part)| set.contains(part))
    })
}

/// Values of different types are unequal and have no order; a missing value equals nothing.
fn compare(comparator: Comparator, left: Option<&Value>, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return comparator == Comparator::NotEqual };
    let equal = || match (number(left), number(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    };
    match (comparator, order(left, right)) {
        (Comparator::Equal, _) => equal(),
        (Comparator::NotEqual, _) => !equal(),
        (Comparator::Less, Some(order)) => order == Ordering::Less,
        (Comparator::LessOrEqual, Some(order)) => order != Ordering::Greater,
        (Comparator::Greater, Some(order)) => order == Ordering::Greater,
        (Comparator::GreaterOrEqual, Some(order)) => order != Ordering::Less,
        (_, None) => false,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(text(left)?.cmp(text(right)?)),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.get("N")?.as_str()?.parse().ok()
}

fn value_of(operand: &Operand, item: &Item) -> Option<Value> {
    match operand {
        Operand::Path(path) => look_up(path, item).cloned(),
        Operand::Value(value) => Some(value.clone()),
        Operand::Size(path) => Some(json!({"N": size(look_up(path, item)?)?.to_string()})),
        Operand::IfNotExists(path, otherwise) => {
            look_up(path, item).cloned().or_else(|| value_of(otherwise, item))
        }
        Operand::ListAppend(first, second) => {
            let (Some(Value::Array(mut list)), Some(Value::Array(more))) = (
                value_of(first, item).and_then(|value| value.get("L").cloned()),
                value_of(second, item).and_then(|value| value.get("L").cloned()),
            ) else {
                return None;
            };
            list.extend(more);
            Some(json!({"L": list}))
        }
        Operand::Plus(left, right) => sum(&value_of(left, item)?, &value_of(right, item)?, false),
        Operand::Minus(left, right) => sum(&value_of(left, item)?, &value_of(right, item)?, true),
    }
}

fn size(value: &Value) -> Option<usize> {
    let (_, content) = value.as_object()?.iter().next()?;
    match content {
        Value::String(text) => Some(text.len()),
        Value::Array(list) => Some(list.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// Integers are added exactly, everything else as floating point.
fn sum(left: &Value, right: &Value, subtract: bool) -> Option<Value> {
    let (left, right) = (left.get("N")?.as_str()?, right.get("N")?.as_str()?);
    let exact = || {
        let (left, right): (i128, i128) = (left.parse().ok()?, right.parse().ok()?);
        if subtract { left.checked_sub(right) } else { left.checked_add(right) }
    };
    if let Some(sum) = exact() {
        return Some(json!({"N": sum.to_string()}));
    }
    let (left, right): (f64, f64) = (left.parse().ok()?, right.parse().ok()?);
    Some(json!({"N": (if subtract { left - right } else { left + right }).to_string()}))
}

fn look_up<'a>(path: &Path, item: &'a Item) -> Option<&'a Value> {
    let (first, rest) = path.0.split_first()?;
    let PathPart::Name(name) = first else { return None };
    rest.iter().try_fold(item.get(name)?, |value, part| match part {
        PathPart::Name(name) => value.get("M")?.get(name),
        PathPart::Index(index) => value.get("L")?.get(index),
    })
}

/// The item without what the paths don't name.
pub(super) fn project(paths: &[Path], item: &Item) -> Item {
    let mut kept = Item::new();
    for path in paths {
        if let (Some(name), Some(value)) = (path.first_name(), look_up(path, item)) {
            let nested = path.0[1..].iter().rev().fold(value.clone(), |value, part| match part {
                PathPart::Name(name) => json!({"M": {name: value}}),
                PathPart::Index(_) => json!({"L": [value]}),
            });
            crate::scripts::lay_over(kept.entry(name).or_insert_with(|| json!({})), &nested);
        }
    }
    kept
}

/// The item after an update; on an error nothing of it is to be kept.
pub(super) fn apply(update: &Update, old: &Item) -> Result<Item, String> {
    let mut new = old.clone();
    // Every right side sees the item as it was.
    for (path, operand) in &update.set {
        let missing = "The provided expression refers to an attribute that does not exist in the item";
        let value = value_of(operand, old).ok_or(missing)?;
        put(&mut new, path, value)?;
    }
    for path in &update.remove {
        take_out(&mut new, path);
    }
    for (path, value) in &update.add {
        let value = add(look_up(path, old), value)?;
        put(&mut new, path, value)?;
    }
    Ok(new)
}

/// What ADD makes of a present value: a sum of numbers or a union of sets.
fn add(present: Option<&Value>, value: &Value) -> Result<Value, String> {
    let wrong_type = || "An operand in the update expression has an incorrect data type".to_owned();
    let Some(present) = present else { return Ok(value.clone()) };
    if value.get("N").is_some() {
        return sum(present, value, false).ok_or_else(wrong_type);
    }
    for set in ["SS", "NS", "BS"] {
        if let (Some(Value::Array(present)), Some(Value::Array(more))) = (present.get(set), value.get(set)) {
            let mut union = present.clone();
            union.extend(more.iter().filter(|element| !present.contains(element)).cloned());
            return Ok(json!({set: union}));
        }
    }
    Err(wrong_type())
}

/// The container that holds a path's last part, and that part.
fn parent<'a, 'p>(item: &'a mut Item, path: &'p Path) -> Option<(Holder<'a>, &'p PathPart)> {
    let (last, way) = path.0.split_last()?;
    let Some((PathPart::Name(first), way)) = way.split_first() else {
        return Some((Holder::Members(item), last));
    };
    let value = way.iter().try_fold(item.get_mut(first)?, |value, part| match part {
        PathPart::Name(name) => value.get_mut("M")?.get_mut(name),
        PathPart::Index(index) => value.get_mut("L")?.get_mut(index),
    })?;
    match value.as_object_mut()?.iter_mut().next()? {
        (kind, Value::Object(members)) if kind == "M" => Some((Holder::Members(members), last)),
        (kind, Value::Array(list)) if kind == "L" => Some((Holder::List(list), last)),
        _ => None,
    }
}

enum Holder<'a> {
    Members(&'a mut Map<String, Value>),
    List(&'a mut Vec<Value>),
}

fn put(item: &mut Item, path: &Path, value: Value) -> Result<(), String> {
    match parent(item, path) {
        Some((Holder::Members(members), PathPart::Name(name))) => {
            members.insert(name.clone(), value);
            Ok(())
        }
        Some((Holder::List(list), PathPart::Index(index))) => {
            // Past its end a list grows by one element, as on AWS.
            match list.get_mut(*index) {
                Some(present) => *present = value,
                None => list.push(value),
            }
            Ok(())
        }
        _ => Err("The document path provided in the update expression is invalid for update".to_owned()),
    }
}

fn take_out(item: &mut Item, path: &Path) {
    match parent(item, path) {
        Some((Holder::Members(members), PathPart::Name(name))) => {
            members.remove(name);
        }
        Some((Holder::List(list), PathPart::Index(index))) if *index < list.len() => {
            list.remove(*index);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::expression::{Names, parse_projection};
    use super::*;

    fn item() -> Item {
        crate::services::call::members(json!({
            "id": {"S": "a"}, "n": {"N": "5"}, "big": {"N": "9007199254740993"}, "tags": {"SS": ["x"]},
            "doc": {"M": {"list": {"L": [{"N": "1"}, {"N": "2"}]}, "name": {"S": "deep"}}},
        }))
    }

    fn input() -> Value {
        json!({"ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {
            ":one": {"N": "1"}, ":five": {"N": "5.0"}, ":a": {"S": "a"}, ":de": {"S": "de"},
            ":xy": {"SS": ["x", "y"]}, ":list": {"L": [{"N": "3"}]},
        }})
    }

    #[test]
    fn conditions_hold_or_not() {
        let input = input();
        let check = |text: &str, expect: bool| {
            let condition = Condition::parse(text, &Names::of(&input)).unwrap();
            assert_eq!(holds(&condition, &item()), expect, "{text}");
        };
        check("attribute_exists(id)", true);
        check("attribute_not_exists(id)", false);
        check("attribute_exists(doc.list[1]) AND attribute_not_exists(doc.list[2])", true);
        check("#n = :five", true);
        check("n = :a OR missing = :a", false);
        check("missing <> :a", true);
        check("n > :one AND n <= :five", true);
        check("n BETWEEN :one AND :five AND id = :a", true);
        check("begins_with(doc.name, :de) AND contains(tags, :a)", false);
        check("size(doc.list) > :one", true);
        check("NOT (id = :a)", false);
    }

    #[test]
    fn updates_change_what_they_name() {
        let input = input();
        let check = |text: &str, expect: Value| {
            let update = Update::parse(text, &Names::of(&input)).unwrap();
            let mut whole = item();
            whole.append(&mut crate::services::call::members(expect));
            whole.retain(|_, value| !value.is_null());
            assert_eq!(apply(&update, &item()).unwrap(), whole, "{text}");
        };
        check("SET x = :a, #n = n + :one", json!({"x": {"S": "a"}, "n": {"N": "6"}}));
        check("SET big = big - :one", json!({"big": {"N": "9007199254740992"}}));
        check("SET a = n, n = :one", json!({"a": {"N": "5"}, "n": {"N": "1"}}));
        check("SET n = if_not_exists(n, :one), m = if_not_exists(m, :one)", json!({"m": {"N": "1"}}));
        check("REMOVE n, missing", json!({"n": null}));
        check(
            "ADD n :one, c :one, tags :xy",
            json!({"n": {"N": "6"}, "c": {"N": "1"}, "tags": {"SS": ["x", "y"]}}),
        );
        let doc = |list: Value| json!({"doc": {"M": {"list": {"L": list}, "name": {"S": "deep"}}}});
        check("SET doc.list[9] = :a REMOVE doc.list[0]", doc(json!([{"N": "2"}, {"S": "a"}])));
        check(
            "set doc.list = list_append(doc.list, :list)",
            doc(json!([{"N": "1"}, {"N": "2"}, {"N": "3"}])),
        );
    }

    #[test]
    fn updates_that_make_no_sense_are_refused() {
        let input = input();
        for bad in ["SET x = missing", "SET n.x = :a", "SET x = id + :one", "ADD id :one", "SET x.y = :a"] {
            let update = Update::parse(bad, &Names::of(&input)).unwrap();
            assert!(apply(&update, &item()).is_err(), "{bad}");
        }
    }

    #[test]
    fn projections_keep_structure() {
        let input = input();
        let paths = parse_projection("#n, doc.list[1], doc.name, missing", &Names::of(&input)).unwrap();
        let expect =
            json!({"n": {"N": "5"}, "doc": {"M": {"list": {"L": [{"N": "2"}]}, "name": {"S": "deep"}}}});
        assert_eq!(Value::Object(project(&paths, &item())), expect);
    }
}
