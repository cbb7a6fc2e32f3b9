//! The clock that every status, timestamp and timed fault is read from.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Wall time by default; it can be frozen and moved forward, and goes back only to wall time.
#[derive(Debug)]
pub(crate) struct Clock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the clock shows at `anchor`, in milliseconds since the Unix epoch.
    shown_ms: u64,
    anchor: Instant,
    frozen: bool,
}

impl State {
    fn wall_time() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { shown_ms: millis(wall), anchor: Instant::now(), frozen: false }
    }

    fn now_ms(&self) -> u64 {
        let run = if self.frozen { Duration::ZERO } else { self.anchor.elapsed() };
        self.shown_ms.saturating_add(millis(run))
    }
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::wall_time()) }
    }

    /// Back to wall time, running.
    pub(crate) fn reset(&self) {
        *self.state.lock() = State::wall_time();
    }

    /// Milliseconds since the Unix epoch, as this clock shows them.
    pub(crate) fn now_ms(&self) -> u64 {
        self.state.lock().now_ms()
    }

    /// Stops the clock or lets it run on from what it shows.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut state = self.state.lock();
        state.shown_ms = state.now_ms();
        state.anchor = Instant::now();
        state.frozen = frozen;
    }

    /// Moves the clock forward, frozen or not.
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.shown_ms = state.shown_ms.saturating_add(millis(by));
    }
}

/// Whole milliseconds of a duration, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch as AWS JSON timestamps: seconds with a fraction.
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Milliseconds since the epoch as an ISO 8601 instant in UTC, the form of the query protocol.
pub(crate) fn iso8601(ms: u64) -> String {
    let (days, second_of_day) = (ms / 86_400_000, ms / 1000 % 86_400);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Date of the proleptic Gregorian calendar from days since 1970-01-01, counting years from March so that the leap day
/// is the last of its year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_iso8601() {
        let check = |ms, expect: &str| assert_eq!(iso8601(ms), expect);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399_000, "2000-02-28T23:59:59Z");
        check(951_782_400_000, "2000-02-29T00:00:00Z");
        check(1_709_251_199_999, "2024-02-29T23:59:59Z");
        check(4_102_444_800_000, "2100-01-01T00:00:00Z");
    }

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::new();
        clock.freeze(true);
        let before = clock.now_ms();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now_ms(), before);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now_ms(), before + 3_600_000);
        clock.freeze(false);
        assert!(clock.now_ms() >= before + 3_600_000);
        clock.reset();
        assert!(clock.now_ms() < before + 3_600_000);
    }
}
