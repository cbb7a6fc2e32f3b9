//! The Gregorian calendar, for any year.

/// Milliseconds of a day.
pub(crate) const DAY: f64 = 86_400_000.0;

/// The moments that have a date: 100,000,000 days around 1970, as in JavaScript.
const FURTHEST: f64 = 8.64e15;

/// A moment in UTC, by its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// From 1 on.
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// Since 1970-01-01.
    days: i64,
    /// Since midnight.
    pub(crate) millis: i64,
}

impl Moment {
    /// None if it is too far away.
    pub(crate) fn new(millis: f64) -> Option<Self> {
        if millis.is_nan() || millis.abs() > FURTHEST {
            return None;
        }
        let days = (millis / DAY).floor();
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range above")]
        let (days, millis) = (days as i64, (millis - days * DAY).floor() as i64);
        let (year, month, day) = date_of(days);
        Some(Self { year, month, day, days, millis })
    }

    /// From Monday, 1, to Sunday, 7.
    pub(crate) const fn weekday(self) -> i64 {
        weekday(self.days)
    }

    /// From 1 on.
    pub(crate) const fn day_of_year(self) -> i64 {
        self.days - days_of(self.year, 1, 1) + 1
    }

    /// The week that a Thursday decides, of the year or of a month, and how far its year or month is from the day's own.
    pub(crate) fn week_of_year(self) -> (i64, i64) {
        self.week(days_of(self.year - 1, 1, 1), days_of(self.year, 1, 1), days_of(self.year + 1, 1, 1))
    }

    pub(crate) fn week_of_month(self) -> (i64, i64) {
        let start = |offset: i64| {
            let months = self.year * 12 + self.month - 1 + offset;
            days_of(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
        };
        self.week(start(-1), start(0), start(1))
    }

    fn week(self, before: i64, own: i64, after: i64) -> (i64, i64) {
        let weeks = |start: i64| (self.days - start).div_euclid(7) + 1;
        let (before, own, after) = (first_week(before), first_week(own), first_week(after));
        if self.days < own {
            (weeks(before), -1)
        } else if self.days >= after {
            (1, 1)
        } else {
            (weeks(own), 0)
        }
    }
}

/// The Monday of the first week that has most of its days in what begins on that day.
const fn first_week(day: i64) -> i64 {
    let weekday = weekday(day);
    if weekday > 4 { day + 8 - weekday } else { day - weekday + 1 }
}

const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// Days from 1970-01-01 to a date.
pub(crate) const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years from March on, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

/// JavaScript's `Date.UTC`: parts out of range carry over, and the years 0 to 99 are those of the 20th century. `month` is
/// from 0 on. Not a number if a part is none or the moment is too far away.
pub(crate) fn utc(year: f64, month: f64, day: f64, time: f64) -> f64 {
    let year = if (0.0..100.0).contains(&year) { 1900.0 + year.trunc() } else { year };
    let months = year * 12.0 + month;
    if !months.is_finite() || months.abs() > 1e9 {
        return f64::NAN;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range above")]
    let months = months.floor() as i64;
    #[expect(clippy::cast_precision_loss, reason = "days of a year below 10^8 are exact")]
    let first = days_of(months.div_euclid(12), months.rem_euclid(12) + 1, 1) as f64;
    let millis = (first + day - 1.0) * DAY + time;
    if millis.abs() <= FURTHEST { millis } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days, "{year}-{month}-{day}");
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
    }

    #[test]
    fn weeks() {
        let at = |year, month, day| Moment::new(utc(year, month, day, 0.0)).unwrap();
        assert_eq!(at(2018.0, 0.0, 1.0).weekday(), 1);
        assert_eq!(at(2017.0, 0.0, 1.0).week_of_year(), (52, -1));
        assert_eq!(at(2018.0, 11.0, 31.0).week_of_year(), (1, 1));
        assert_eq!(at(2016.0, 1.0, 29.0).day_of_year(), 60);
    }
}
