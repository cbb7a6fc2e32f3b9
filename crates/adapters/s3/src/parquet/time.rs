//! Dates and times as ISO 8601 texts.

use std::fmt::Write as _;

const NANOS: i128 = 1_000_000_000;
const DAY: i128 = 86_400;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    const fn nanos(self) -> i128 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

/// The day so many days after 1 January 1970.
pub(super) fn date(days: i64) -> String {
    let mut text = String::with_capacity(10);
    write_date(i128::from(days), &mut text);
    text
}

/// The time of day so long after midnight.
pub(super) fn time(count: i64, unit: Unit) -> String {
    let mut text = String::with_capacity(18);
    write_time(i128::from(count) * unit.nanos(), &mut text);
    text
}

/// The moment so long after the beginning of 1 January 1970: in UTC, or in a time zone that isn't told.
pub(super) fn timestamp(count: i64, unit: Unit, utc: bool) -> String {
    moment(i128::from(count) * unit.nanos(), utc)
}

/// As [`timestamp`], of a Julian day and the nanoseconds of that day.
pub(super) fn julian(day: i64, nanos: i64) -> String {
    const FIRST: i64 = 2_440_588;
    moment(i128::from(day - FIRST) * DAY * NANOS + i128::from(nanos), false)
}

fn moment(nanos: i128, utc: bool) -> String {
    let mut text = String::with_capacity(30);
    write_date(nanos.div_euclid(DAY * NANOS), &mut text);
    text.push('T');
    write_time(nanos.rem_euclid(DAY * NANOS), &mut text);
    if utc {
        text.push('Z');
    }
    text
}

/// Of the proleptic Gregorian calendar, as ISO 8601 has it: years start in March here, so that the leap day is the last of a year.
fn write_date(days: i128, text: &mut String) {
    let from_era = days + 719_468;
    let (era, day) = (from_era.div_euclid(146_097), from_era.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + later;
    // Writing to a text can't fail. Years of more digits have a sign.
    let _ = match year {
        0..=9_999 => write!(text, "{year:04}-{month:02}-{of_month:02}"),
        _ => write!(text, "{year:+05}-{month:02}-{of_month:02}"),
    };
}

/// With as many groups of three decimals as say it.
fn write_time(nanos: i128, text: &mut String) {
    let (seconds, part) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
    let _ = write!(text, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = match part {
        0 => Ok(()),
        part if part % 1_000_000 == 0 => write!(text, ".{:03}", part / 1_000_000),
        part if part % 1_000 == 0 => write!(text, ".{:06}", part / 1_000),
        part => write!(text, ".{part:09}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_iso_8601_has_them() {
        for (found, expected) in [
            (date(0), "1970-01-01"),
            (date(-1), "1969-12-31"),
            (date(19_782), "2024-02-29"),
            (date(11_016), "2000-02-29"),
            (date(2_932_896), "9999-12-31"),
            (date(2_932_897), "+10000-01-01"),
            (date(-719_528), "0000-01-01"),
            (date(-719_529), "-0001-12-31"),
            (time(0, Unit::Millis), "00:00:00"),
            (time(86_399_999_999, Unit::Micros), "23:59:59.999999"),
            (timestamp(1_700_000_000_123, Unit::Millis, true), "2023-11-14T22:13:20.123Z"),
            (timestamp(-1, Unit::Nanos, false), "1969-12-31T23:59:59.999999999"),
            (timestamp(1_700_000_000_000_000, Unit::Micros, true), "2023-11-14T22:13:20Z"),
            (timestamp(i64::MIN, Unit::Micros, true), "-290308-12-21T19:59:05.224192Z"),
            (julian(2_440_588, 1_000), "1970-01-01T00:00:00.000001"),
        ] {
            assert_eq!(found, expected);
        }
    }
}
