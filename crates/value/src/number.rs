//! Exact numbers.

use std::fmt;
use std::sync::Arc;

/// A JSON number that prints as it was written.
///
/// Whole numbers in `i64` range and doubles whose shortest form is what was written are held unboxed; any other
/// literal (`1.10`, `1E5`, a 30-digit integer) keeps its text.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Int(i64),
    Float(f64),
    Literal(Arc<str>),
}

impl Number {
    /// The number a JSON literal spells. `literal` must be a valid JSON number, as the parser has checked.
    pub(crate) fn from_literal(literal: &str) -> Self {
        if let Ok(int) = literal.parse::<i64>()
            && literal != "-0"
        {
            return Self(Repr::Int(int));
        }
        match literal.parse::<f64>() {
            Ok(float) if float.is_finite() && ryu::Buffer::new().format_finite(float) == literal => {
                Self(Repr::Float(float))
            }
            _ => Self(Repr::Literal(literal.into())),
        }
    }

    /// The number nearest to a double; none for NaN and the infinities, which JSON can't say.
    #[must_use]
    pub fn from_f64(float: f64) -> Option<Self> {
        float.is_finite().then_some(Self(Repr::Float(float)))
    }

    /// As [`Self::from_f64`], but a whole number within ±2^53 becomes an integer, so it prints without `.0`.
    #[must_use]
    pub fn from_f64_as_integer(float: f64) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if float.fract() == 0.0 && float.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, checked above")]
            return Some(Self(Repr::Int(float as i64)));
        }
        Self::from_f64(float)
    }

    /// The value as an `i64` if it is whole and in range, however it was written.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(i) => Some(*i),
            Repr::Float(f) => whole(*f),
            Repr::Literal(text) => text.parse().ok().or_else(|| whole(self.as_f64())),
        }
    }

    /// The nearest double; a literal beyond the doubles' range becomes an infinity.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what this method promises")]
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(i) => *i as f64,
            Repr::Float(f) => *f,
            Repr::Literal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether it was written as an integer (`3`, not `3.0`).
    #[must_use]
    pub fn is_integer_literal(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Float(_) => false,
            Repr::Literal(text) => !text.contains(['.', 'e', 'E']),
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        match &self.0 {
            Repr::Int(i) => out.push_str(itoa::Buffer::new().format(*i)),
            Repr::Float(f) => out.push_str(ryu::Buffer::new().format_finite(*f)),
            Repr::Literal(text) => out.push_str(text),
        }
    }
}

fn whole(float: f64) -> Option<i64> {
    // 2^63 itself is out of range; below it every whole double converts exactly.
    #[expect(clippy::cast_possible_truncation, reason = "whole and within i64, checked here")]
    (float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0).then_some(float as i64)
}

impl From<i64> for Number {
    fn from(i: i64) -> Self {
        Self(Repr::Int(i))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a == b,
            (Repr::Literal(a), Repr::Literal(b)) if a == b => true,
            _ => match (self.as_i64(), other.as_i64()) {
                (Some(a), Some(b)) => a == b,
                _ => self.as_f64() == other.as_f64(),
            },
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_print_as_written() {
        for text in ["0", "-0", "1", "1.0", "1.10", "1E5", "0.1", "123456789012345678901234567890", "-1.5e-9"]
        {
            assert_eq!(Number::from_literal(text).to_string(), text);
        }
    }

    #[test]
    fn whole_numbers_read_as_integers_however_written() {
        for (text, int) in
            [("3", Some(3)), ("3.0", Some(3)), ("3e2", Some(300)), ("3.5", None), ("1e300", None)]
        {
            assert_eq!(Number::from_literal(text).as_i64(), int, "{text}");
        }
    }

    #[test]
    fn equality_is_by_value() {
        assert_eq!(Number::from_literal("1e2"), Number::from(100));
        assert_ne!(Number::from_literal("9007199254740993"), Number::from_literal("9007199254740992"));
    }

    #[test]
    fn doubles_become_integers_only_when_exact() {
        assert_eq!(Number::from_f64_as_integer(5.0).unwrap().to_string(), "5");
        assert_eq!(Number::from_f64_as_integer(5.5).unwrap().to_string(), "5.5");
        assert_eq!(Number::from_f64_as_integer(1e300).unwrap().to_string(), "1e300");
        assert!(Number::from_f64(f64::NAN).is_none());
    }
}
