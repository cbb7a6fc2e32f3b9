//! Timers: the near ones in memory, the rest in the store until they come near.
//!
//! A timer is a hint to look at an execution, derived from its state: one that comes late, twice or in vain is harmless.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use newel_machine::Input;
use newel_store::Id;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::engine::Inner;
use crate::mail::Mail;

/// Executions that are woken before it is looked whether those before are being worked on.
const AT_ONCE: usize = 256;
/// How long the clock is left alone: it may be set, and then what is due is due.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The timers that are near.
#[derive(Debug)]
pub(crate) struct Timers {
    armed: Mutex<Armed>,
    changed: Notify,
    horizon_millis: i64,
}

#[derive(Debug, Default)]
struct Armed {
    in_order: BTreeSet<(Timestamp, Id)>,
    by_id: HashMap<Id, Timestamp>,
}

impl Timers {
    pub(crate) fn new(horizon: Duration) -> Self {
        let horizon_millis = i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX);
        Self { armed: Mutex::default(), changed: Notify::new(), horizon_millis }
    }

    /// Sets when an execution is to be woken, in place of what was set before. What lies beyond the horizon isn't kept.
    pub(crate) fn arm(&self, id: Id, at: Option<Timestamp>, now: Timestamp) {
        let near = at.filter(|at| *at <= self.horizon(now));
        let mut armed = self.armed.lock();
        if armed.by_id.get(&id) == near.as_ref() {
            return;
        }
        if let Some(before) = armed.by_id.remove(&id) {
            armed.in_order.remove(&(before, id));
        }
        if let Some(at) = near {
            armed.by_id.insert(id, at);
            armed.in_order.insert((at, id));
            if armed.in_order.first() == Some(&(at, id)) {
                self.changed.notify_one();
            }
        }
    }

    /// How far ahead timers are kept.
    pub(crate) fn horizon(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.horizon_millis)
    }

    fn take_due(&self, now: Timestamp) -> (Vec<Id>, Option<Timestamp>) {
        let mut armed = self.armed.lock();
        let mut due = Vec::new();
        while let Some((at, id)) = armed.in_order.first().copied().filter(|(at, _)| *at <= now) {
            armed.in_order.remove(&(at, id));
            armed.by_id.remove(&id);
            due.push(id);
        }
        (due, armed.in_order.first().map(|(at, _)| *at))
    }
}

impl Inner {
    /// Wakes executions as their timers come due. Ends with the engine.
    pub(crate) async fn run_timers(self: Arc<Self>) {
        loop {
            let now = self.env.now();
            let (due, next) = self.timers.take_due(now);
            for some in due.chunks(AT_ONCE) {
                some.iter().for_each(|id| self.deliver(*id, Mail::note(Input::Clock)));
                // Permits of turns are given in order, so once the activations have asked for theirs, this one comes when those
                // turns are under way: however many timers are due at once, few activations are.
                tokio::task::yield_now().await;
                let permit = self.turns.acquire().await;
                drop(permit);
            }
            let wait = next.map_or(LONGEST_WAIT, |at| {
                let millis = u64::try_from(at.as_millis().saturating_sub(now.as_millis())).unwrap_or(0);
                Duration::from_millis(millis.max(1)).min(LONGEST_WAIT)
            });
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.timers.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use newel_store::ShardId;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn only_near_timers_are_kept_and_the_latest_word_counts() {
        let timers = Timers::new(Duration::from_secs(60));
        let id = |n| Id::new(ShardId(0), at(0), n);
        timers.arm(id(1), Some(at(5)), at(0));
        timers.arm(id(2), Some(at(70_000)), at(0));
        timers.arm(id(3), Some(at(9)), at(0));
        timers.arm(id(3), Some(at(3)), at(0));
        timers.arm(id(1), None, at(0));
        assert_eq!(timers.take_due(at(100_000)), (vec![id(3)], None));
    }
}
