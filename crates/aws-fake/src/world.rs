//! Everything one fake knows, and the bounds on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::calls::CallBook;
use crate::clock::Clock;
use crate::faults::FaultBook;
use crate::identity::Callers;
use crate::scripts::ScriptBook;

/// Bounds of a fake. Past one a call is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs of all services and accounts together.
    pub jobs: usize,
    /// DynamoDB items of all tables together.
    pub items: usize,
    /// Script rules, and as many fault rules.
    pub rules: usize,
    /// Credentials in use, and as many roles.
    pub identities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { jobs: 2_000_000, items: 1_000_000, rules: 10_000, identities: 10_000 }
    }
}

/// Why a script or fault rule was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(String);

impl RuleError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

/// A bounded count shared by many stores.
#[derive(Debug)]
pub(crate) struct Quota {
    used: AtomicUsize,
    max: usize,
}

impl Quota {
    fn new(max: usize) -> Self {
        Self { used: AtomicUsize::new(0), max }
    }

    /// Takes `count` or nothing.
    pub(crate) fn take(&self, count: usize) -> bool {
        let fits = |used: usize| used.checked_add(count).filter(|sum| *sum <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(crate) fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.used.store(0, Ordering::Relaxed);
    }
}

/// The state behind a server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) callers: Callers,
    pub(crate) calls: CallBook,
    pub(crate) scripts: Mutex<ScriptBook>,
    pub(crate) faults: Mutex<FaultBook>,
    pub(crate) job_quota: Quota,
    pub(crate) item_quota: Quota,
    pub(crate) limits: Limits,
    /// Jobs younger than this are missing from listings, as they can be on AWS.
    listing_lag_ms: AtomicU64,
    requests: AtomicU64,
}

impl World {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            clock: Clock::new(),
            callers: Callers::new(limits.identities),
            calls: CallBook::default(),
            scripts: Mutex::new(ScriptBook::new()),
            faults: Mutex::default(),
            job_quota: Quota::new(limits.jobs),
            item_quota: Quota::new(limits.items),
            limits,
            listing_lag_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        })
    }

    /// Forgets jobs, tables, counts, rules and the listing lag and returns to wall time; credentials stay valid.
    pub(crate) fn reset(&self) {
        for space in self.callers.spaces() {
            space.clear();
        }
        self.calls.clear();
        *self.scripts.lock() = ScriptBook::new();
        *self.faults.lock() = FaultBook::default();
        self.job_quota.clear();
        self.item_quota.clear();
        self.set_listing_lag_ms(0);
        self.clock.reset();
    }

    pub(crate) fn set_listing_lag_ms(&self, ms: u64) {
        self.listing_lag_ms.store(ms, Ordering::Relaxed);
    }

    /// Jobs created after this moment are left out of listings made at `now_ms`.
    pub(crate) fn listed_until(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.listing_lag_ms.load(Ordering::Relaxed))
    }

    /// A new request id, in the form of a UUID.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (high, low) = (mixed >> 32, mixed & 0xffff);
        format!("{high:08x}-{low:04x}-4000-8000-{number:012x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_all_or_nothing() {
        let quota = Quota::new(3);
        assert!(quota.take(2));
        assert!(!quota.take(2));
        assert!(quota.take(1));
        quota.give_back(3);
        assert!(quota.take(3));
        assert!(!quota.take(usize::MAX));
    }
}
