//! Instants as the language writes them.

use std::fmt;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant and that many milliseconds, held at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Parses what the language takes: RFC 3339 with an uppercase `T`, and `Z` or an offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.as_bytes();
        let zoned = shape.ends_with(b"Z") || shape.len() > 6 && matches!(shape[shape.len() - 6], b'+' | b'-');
        if shape.get(10) != Some(&b'T') || !zoned {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }
}

/// ISO 8601 in UTC, with milliseconds only when there are some, as the context object has it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) if self.0 % 1_000 == 0 => write!(f, "{}", t.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Ok(t) => write!(f, "{}", t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_rfc3339_with_capital_t_and_zone() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", Some(1_000)),
            ("1970-01-01T01:00:00.250+01:00", Some(250)),
            ("1970-01-01t00:00:01Z", None),
            ("1970-01-01T00:00:01", None),
            ("1970-01-01", None),
            ("yesterday at noon Z", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }

    #[test]
    fn prints_a_fraction_only_when_there_is_one() {
        assert_eq!(Timestamp::from_millis(1_000).to_string(), "1970-01-01T00:00:01Z");
        assert_eq!(Timestamp::from_millis(1_250).to_string(), "1970-01-01T00:00:01.250Z");
    }
}
