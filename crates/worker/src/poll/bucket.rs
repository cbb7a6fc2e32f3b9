//! A token bucket that a throttling service can close for a while.

use super::Millis;

/// The longest a throttled identity is left alone.
const LONGEST_PAUSE: Millis = 60_000;
const FIRST_PAUSE: Millis = 1_000;

/// The call budget of one identity.
#[derive(Debug)]
pub(super) struct Bucket {
    per_milli: f64,
    burst: f64,
    tokens: f64,
    filled_at: Millis,
    closed_until: Millis,
    throttles: u32,
}

impl Bucket {
    pub(super) fn new(per_second: f64, burst: f64, now: Millis) -> Self {
        Self {
            per_milli: per_second / 1_000.0,
            burst,
            tokens: burst,
            filled_at: now,
            closed_until: Millis::MIN,
            throttles: 0,
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When there is none: from when on one may be there.
    pub(super) fn take(&mut self, now: Millis) -> Result<(), Millis> {
        if now < self.closed_until {
            return Err(self.closed_until);
        }
        let elapsed = (now - self.filled_at).max(0);
        self.tokens = (self.tokens + elapsed as f64 * self.per_milli).min(self.burst);
        self.filled_at = now;
        if self.tokens < 1.0 {
            let wait = ((1.0 - self.tokens) / self.per_milli).ceil();
            return Err(now.saturating_add((wait as Millis).max(1)));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// The service said to slow down: nothing for a while, longer each time, then one call at a time.
    pub(super) fn throttled(&mut self, now: Millis, jitter: f64) {
        if now < self.closed_until {
            return;
        }
        let pause = (FIRST_PAUSE << self.throttles.min(6)).min(LONGEST_PAUSE);
        self.throttles += 1;
        self.tokens = 1.0;
        self.closed_until = now + (pause as f64 * jitter) as Millis;
        self.filled_at = self.closed_until;
    }

    /// The service answered.
    pub(super) fn answered(&mut self) {
        self.throttles = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(2.0, 3.0, 0);
        assert!((0..3).all(|_| bucket.take(0).is_ok()));
        assert_eq!(bucket.take(0), Err(500));
        assert_eq!(bucket.take(500), Ok(()));
        assert_eq!(bucket.take(500), Err(1000));
        let taken = (0..10).filter(|_| bucket.take(100_000).is_ok()).count();
        assert_eq!(taken, 3, "unused time buys no more than the burst");
    }

    #[test]
    fn throttles_close_it_for_longer_and_longer() {
        let mut bucket = Bucket::new(1_000.0, 10.0, 0);
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            bucket.throttled(now, 1.0);
            bucket.throttled(now, 1.0);
            assert_eq!(bucket.take(now), Err(now + pause));
            now += pause;
            assert_eq!(bucket.take(now), Ok(()));
            assert!(bucket.take(now).is_err(), "one at a time after a throttle");
        }
        bucket.answered();
        bucket.throttled(now, 1.0);
        assert_eq!(bucket.take(now), Err(now + 1_000));
    }
}
