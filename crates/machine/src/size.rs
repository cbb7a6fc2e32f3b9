//! How large a tree's text would be, told without making it.
//!
//! Trees share their parts, so one that takes a few bytes of memory can stand for gigabytes of text. What is about to
//! be printed is therefore walked first, and the walk ends where the limit does.

use newel_value::{MAX_DEPTH, Value};

/// Why a value may not be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Its text would have more bytes than the limit.
    Bytes,
    /// It nests deeper than [`MAX_DEPTH`].
    Depth,
}

/// Checks that a value is no deeper than [`MAX_DEPTH`] and that the least its text can take is within `limit` bytes.
/// Escapes and long numbers can make it some times longer, but no more than that.
pub(crate) fn check(value: &Value, limit: usize) -> Result<(), Excess> {
    walk(value, limit, MAX_DEPTH).map(|_| ())
}

/// What is left of the limit after a value.
fn walk(value: &Value, left: usize, levels: usize) -> Result<usize, Excess> {
    let take = |left: usize, bytes: usize| left.checked_sub(bytes).ok_or(Excess::Bytes);
    match value {
        Value::Null | Value::Bool(_) => take(left, 4),
        Value::Number(number) => match number.as_i64() {
            Some(_) if number.is_integer_literal() => take(left, 1),
            _ => take(left, number.to_string().len()),
        },
        Value::String(text) => take(left, text.len() + 2),
        Value::Array(items) => {
            let levels = levels.checked_sub(1).ok_or(Excess::Depth)?;
            let left = take(left, 1 + items.len().max(1))?;
            items.iter().try_fold(left, |left, item| walk(item, left, levels))
        }
        Value::Object(members) => {
            let levels = levels.checked_sub(1).ok_or(Excess::Depth)?;
            let left = take(left, 1 + members.len().max(1))?;
            members
                .iter()
                .try_fold(left, |left, (key, value)| walk(value, take(left, key.len() + 3)?, levels))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_size_is_exact_for_plain_texts() {
        for text in [r#"{"a":[1,2,3],"b":{}}"#, "[]", r#"[null,true,"x"]"#, "[1.25,1e400]"] {
            let value = Value::parse(text).unwrap();
            assert_eq!(check(&value, text.len()), Ok(()), "{text}");
            assert_eq!(check(&value, text.len() - 1), Err(Excess::Bytes), "{text}");
        }
    }

    #[test]
    fn shared_parts_count_each_time_and_depth_is_bounded() {
        let mut wide = Value::from("x".repeat(1_000));
        for _ in 0..60 {
            wide = Value::from(vec![wide.clone(), wide]);
        }
        assert_eq!(check(&wide, 1 << 20), Err(Excess::Bytes));
        let mut deep = Value::Null;
        for _ in 0..=MAX_DEPTH {
            deep = Value::from(vec![deep]);
        }
        assert_eq!(check(&deep, 1 << 20), Err(Excess::Depth));
    }
}
