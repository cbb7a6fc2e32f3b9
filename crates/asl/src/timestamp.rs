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
        Moment::parse(text).map(Self::from)
    }

    /// Parses what a Wait takes that reads its end: ISO 8601 with an offset, which may lack the seconds.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        let (minute, zone) = (text.get(..16)?, text.get(16..)?);
        Self::parse(text).or_else(|| Self::parse(&format!("{minute}:00{zone}")))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self(i64::try_from(moment.0.div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }
}

/// An instant to the nanosecond, as a Choice compares it: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i128);

impl Moment {
    /// Parses what the language takes: RFC 3339 with an uppercase `T`, and `Z` or an offset. There are no leap seconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (second, rest) = (text.get(..19)?, text.get(19..)?);
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (fraction, zone) = rest.split_at(digits);
                (Some(fraction), zone)
            }
            None => (None, rest),
        };
        let fraction_fits = fraction.is_none_or(|digits| (1..=9).contains(&digits.len()));
        let zone_fits = zone == "Z" || is_like(zone, "+00:00") || is_like(zone, "-00:00");
        let shaped = is_like(second, "0000-00-00T00:00:00") && fraction_fits && zone_fits;
        if !shaped || second.ends_with(":60") {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_nanosecond()))
    }
}

/// Whether a text has a digit wherever the pattern has one, and otherwise what the pattern has.
fn is_like(text: &str, pattern: &str) -> bool {
    let same = |(has, wants): (u8, u8)| if wants == b'0' { has.is_ascii_digit() } else { has == wants };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(same)
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
            ("1970-01-01T00:00Z", None),
            ("1970-01-01T00:00:60Z", None),
            ("1970-01-01T00:00:01,5Z", None),
            ("1970-01-01T00:00:01.Z", None),
            ("1970-01-01T00:00:01.1234567890Z", None),
            ("1970-01-01T00:00:01+0100", None),
            ("1970-01-01T00:00:01é", None),
            ("1969-12-31T23:59:59.9999Z", Some(-1)),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }

    #[test]
    fn a_wait_s_end_may_lack_its_seconds() {
        for (text, millis) in [
            ("1970-01-01T00:01Z", Some(60_000)),
            ("1970-01-01T01:01+01:00", Some(60_000)),
            ("1970-01-01T00:00:01Z", Some(1_000)),
            ("1970-01-01T00:01", None),
            ("1970-01-01", None),
        ] {
            assert_eq!(Timestamp::parse_iso(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }

    #[test]
    fn moments_differ_by_nanoseconds() {
        let early = Moment::parse("2020-01-01T00:00:00Z").unwrap();
        let late = Moment::parse("2020-01-01T01:00:00.000000001+01:00").unwrap();
        assert!(early < late);
        assert_eq!(Timestamp::from(early), Timestamp::from(late));
    }

    #[test]
    fn prints_a_fraction_only_when_there_is_one() {
        assert_eq!(Timestamp::from_millis(1_000).to_string(), "1970-01-01T00:00:01Z");
        assert_eq!(Timestamp::from_millis(1_250).to_string(), "1970-01-01T00:00:01.250Z");
    }
}
