//! Who is asked about when: pure, on a clock that the caller turns.
//!
//! Jobs that one call can cover form a *group* ([`WatchKey`]). A group is looked at in *rounds*, no more often than
//! the interval of young jobs; a round covers every job that is due or nearly so, and fills its last call up with those
//! due next, since a call costs the same for one job as for a full batch. So calls depend on how many batches of jobs
//! there are, never on how many jobs.
//!
//! Invariants:
//! * POLL-1: a job is in one call at a time, and is due again after every call, whatever became of the call.
//! * POLL-2: a group's rounds are at least nine tenths of the young interval apart, or a second where an event told of one of its
//!   jobs.
//! * POLL-3: an identity's calls, over all its groups, keep to its token bucket; after a throttle, groups take turns.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::bucket::Bucket;
use crate::adapter::WatchKey;
use crate::attempt::Identity;
use crate::options::PollOptions;

/// Milliseconds on the schedule's clock. A job older than the clock has a negative birth.
pub(crate) type Millis = i64;

/// A job as the schedule knows it: a number of the caller's.
type Job = u64;

/// Waits are drawn from nine tenths to all of the interval: never longer, so that the bounds hold.
const SHORTEST: f64 = 0.9;
/// What is due this much of a young interval after a round is taken along in it.
const TAKE_ALONG: f64 = 0.5;
/// How far apart rounds are that events ask for.
const WOKEN_APART: Millis = 1_000;
/// The longest wait after failed calls.
const LONGEST_RETRY: Millis = 60_000;

/// Where a job belongs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What it has in common with the jobs of its group.
    pub(crate) key: WatchKey,
    /// How many jobs of the group one call covers: the same for all of them.
    pub(crate) limit: usize,
}

/// One call to make.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// What the jobs have in common.
    pub(crate) key: WatchKey,
    /// Which jobs, at most the limit.
    pub(crate) jobs: Vec<u64>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The service answered.
    Answered,
    /// The service asked for fewer calls.
    Throttled,
    /// It failed otherwise.
    Failed,
}

#[derive(Debug)]
struct Watched {
    group: u64,
    born: Millis,
    /// No interval is longer than this.
    at_most: Option<Millis>,
    /// When it is due; `None` while a call covers it.
    due: Option<Millis>,
    /// Something happened to it while a call covered it, which that call may not show.
    woken: bool,
}

#[derive(Debug)]
struct Group {
    key: WatchKey,
    limit: usize,
    due: BTreeSet<(Millis, Job)>,
    size: usize,
    /// When its latest round began.
    round_at: Millis,
    /// No round before this.
    not_before: Millis,
    failures: u32,
    /// Its place in [`Schedule::wakeups`].
    wakeup: Option<(Millis, u64)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Schedule {
    options: PollOptions,
    jobs: FxHashMap<Job, Watched>,
    groups: FxHashMap<u64, Group>,
    group_ids: FxHashMap<WatchKey, u64>,
    budgets: FxHashMap<Identity, (Bucket, usize)>,
    /// When to look at which group: time, order of arrival, group.
    wakeups: BTreeSet<(Millis, u64, u64)>,
    next_number: u64,
    random: fastrand::Rng,
}

impl Schedule {
    /// An empty schedule; `seed` decides its jitter.
    #[must_use]
    pub(crate) fn new(options: PollOptions, seed: u64) -> Self {
        Self {
            options,
            jobs: FxHashMap::default(),
            groups: FxHashMap::default(),
            group_ids: FxHashMap::default(),
            budgets: FxHashMap::default(),
            wakeups: BTreeSet::new(),
            next_number: 0,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Jobs under watch.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether none is.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Puts a job under watch that was submitted at `born`. `at_most` bounds its interval.
    pub(crate) fn add(&mut self, job: u64, place: Place, born: Millis, at_most: Option<Millis>, now: Millis) {
        self.remove(job);
        let group = self.group_of(place, now);
        let wait = self.interval(born, at_most, now);
        // Old jobs come in numbers when a worker takes over from another; they are spread over their interval.
        let young = self.options.young_millis as Millis;
        let due = if wait > young {
            now + (wait as f64 * self.random.f64()) as Millis
        } else {
            now + self.jittered(wait)
        };
        self.jobs.insert(job, Watched { group, born, at_most, due: Some(due), woken: false });
        if let Some(group) = self.groups.get_mut(&group) {
            group.due.insert((due, job));
            group.size += 1;
        }
        self.wake(group);
    }

    /// Lets a job go. A call that covers it may still be under way; its answer is ignored.
    pub(crate) fn remove(&mut self, job: u64) {
        let Some(watched) = self.jobs.remove(&job) else { return };
        let Some(group) = self.groups.get_mut(&watched.group) else { return };
        if let Some(due) = watched.due {
            group.due.remove(&(due, job));
        }
        group.size -= 1;
        if group.size == 0 {
            self.remove_group(watched.group);
        } else {
            self.wake(watched.group);
        }
    }

    /// Something happened to a job: it is due at once.
    pub(crate) fn hasten(&mut self, job: u64, now: Millis) {
        let Some(watched) = self.jobs.get_mut(&job) else { return };
        let Some(group) = self.groups.get_mut(&watched.group) else { return };
        // A group that can't be asked just now is asked again when its retry comes.
        if group.failures > 0 {
            return;
        }
        group.not_before = group.not_before.min(group.round_at + WOKEN_APART);
        match watched.due {
            Some(due) => {
                group.due.remove(&(due, job));
                group.due.insert((now.min(due), job));
                watched.due = Some(now.min(due));
            }
            None => watched.woken = true,
        }
        let id = watched.group;
        self.wake(id);
    }

    /// When to call [`Self::take_due`] next.
    #[must_use]
    pub(crate) fn next_wakeup(&self) -> Option<Millis> {
        self.wakeups.first().map(|(at, ..)| *at)
    }

    /// The calls to make now. Each is to be followed by one [`Self::done`].
    pub(crate) fn take_due(&mut self, now: Millis) -> Vec<Batch> {
        let mut calls = Vec::new();
        while let Some(&(at, number, group)) = self.wakeups.first() {
            if at > now {
                break;
            }
            self.wakeups.remove(&(at, number, group));
            if let Some(group) = self.groups.get_mut(&group) {
                group.wakeup = None;
            }
            self.round(group, now, &mut calls);
        }
        calls
    }

    /// A call is over; its jobs are due again, except those removed meanwhile.
    pub(crate) fn done(&mut self, batch: &Batch, outcome: Outcome, now: Millis) {
        let Some(&id) = self.group_ids.get(&batch.key) else { return };
        let jitter = self.jitter();
        let bucket = self.budgets.get_mut(&batch.key.identity).map(|(bucket, _)| bucket);
        match (outcome, bucket) {
            (Outcome::Answered | Outcome::Failed, Some(bucket)) => bucket.answered(),
            (Outcome::Throttled, Some(bucket)) => bucket.throttled(now, jitter),
            (_, None) => {}
        }
        let mut retry = None;
        if let Some(group) = self.groups.get_mut(&id) {
            group.failures = if outcome == Outcome::Failed { group.failures.saturating_add(1) } else { 0 };
            if outcome == Outcome::Failed {
                let young = self.options.young_millis as Millis;
                let wait = (young << group.failures.min(5).saturating_sub(1)).min(LONGEST_RETRY.max(young));
                retry = Some(now + (wait as f64 * jitter) as Millis);
            }
        }
        // What a throttled call covered stays due at once: the closed bucket is what makes it wait.
        let at_once = (outcome == Outcome::Throttled).then_some(now);
        for &job in &batch.jobs {
            self.again(job, id, retry.or(at_once), now);
        }
        self.wake(id);
    }

    /// Makes a covered job due again.
    fn again(&mut self, job: Job, group: u64, at: Option<Millis>, now: Millis) {
        let Some(watched) = self.jobs.get(&job) else { return };
        if watched.group != group || watched.due.is_some() {
            return;
        }
        let (interval, woken) = (self.interval(watched.born, watched.at_most, now), watched.woken);
        let due = match at {
            Some(at) => at,
            None if woken => now,
            // Counted from the round, not from the answer, so that a slow answer doesn't stretch the interval.
            None => self.round_start(group).unwrap_or(now).min(now) + self.jittered(interval),
        };
        if let Some(watched) = self.jobs.get_mut(&job) {
            watched.due = Some(due);
            watched.woken = false;
        }
        if let Some(group) = self.groups.get_mut(&group) {
            if woken && at.is_none() {
                group.not_before = group.not_before.min(group.round_at + WOKEN_APART);
            }
            group.due.insert((due, job));
        }
    }

    /// When a group's latest round began.
    fn round_start(&self, group: u64) -> Option<Millis> {
        Some(self.groups.get(&group)?.round_at)
    }

    fn spacing(&self) -> Millis {
        (self.options.young_millis as f64 * SHORTEST) as Millis
    }

    /// One round of a group: every job due, as far as its identity's budget goes.
    fn round(&mut self, id: u64, now: Millis, calls: &mut Vec<Batch>) {
        let spacing = self.spacing();
        let horizon = now + (self.options.young_millis as f64 * TAKE_ALONG) as Millis;
        let Some(group) = self.groups.get_mut(&id) else { return };
        let mut blocked = None;
        let mut any = false;
        while now >= group.not_before || any {
            let Some(&(earliest, _)) = group.due.first() else { break };
            if earliest > if any { horizon } else { now } {
                break;
            }
            let Some((bucket, _)) = self.budgets.get_mut(&group.key.identity) else { break };
            if let Err(at) = bucket.take(now) {
                blocked = Some(at);
                break;
            }
            any = true;
            let mut jobs = Vec::with_capacity(group.limit.min(group.due.len()));
            while jobs.len() < group.limit
                && let Some((_, job)) = group.due.pop_first()
            {
                if let Some(watched) = self.jobs.get_mut(&job) {
                    watched.due = None;
                }
                jobs.push(job);
            }
            calls.push(Batch { key: group.key.clone(), jobs });
        }
        if any {
            group.round_at = now;
            group.not_before = now + spacing;
        }
        if let Some(at) = blocked {
            // The rest of this round goes on as soon as the budget allows, whatever the spacing says.
            group.not_before = at;
        }
        self.wake(id);
    }

    /// Puts a group where its earliest job belongs.
    fn wake(&mut self, id: u64) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let at = group.due.first().map(|(due, _)| (*due).max(group.not_before));
        if let Some((old, number)) = group.wakeup {
            if at == Some(old) {
                return;
            }
            self.wakeups.remove(&(old, number, id));
        }
        self.next_number += 1;
        group.wakeup = at.map(|at| (at, self.next_number));
        if let Some(at) = at {
            self.wakeups.insert((at, self.next_number, id));
        }
    }

    fn group_of(&mut self, Place { key, limit }: Place, now: Millis) -> u64 {
        if let Some(id) = self.group_ids.get(&key) {
            return *id;
        }
        self.next_number += 1;
        let id = self.next_number;
        let options = &self.options;
        let budget = self
            .budgets
            .entry(key.identity.clone())
            .or_insert_with(|| (Bucket::new(options.calls_per_second, options.burst, now), 0));
        budget.1 += 1;
        self.group_ids.insert(key.clone(), id);
        let group = Group {
            key,
            limit: limit.max(1),
            due: BTreeSet::new(),
            size: 0,
            round_at: Millis::MIN / 2,
            not_before: Millis::MIN / 2,
            failures: 0,
            wakeup: None,
        };
        self.groups.insert(id, group);
        id
    }

    fn remove_group(&mut self, id: u64) {
        let Some(group) = self.groups.remove(&id) else { return };
        if let Some((at, number)) = group.wakeup {
            self.wakeups.remove(&(at, number, id));
        }
        self.group_ids.remove(&group.key);
        if let Some((_, groups)) = self.budgets.get_mut(&group.key.identity) {
            *groups -= 1;
            if *groups == 0 {
                self.budgets.remove(&group.key.identity);
            }
        }
    }

    /// How long a job of that age may wait.
    fn interval(&self, born: Millis, at_most: Option<Millis>, now: Millis) -> Millis {
        let options = &self.options;
        let (young, old) = (options.young_millis as f64, options.old_millis as f64);
        let (young_age, old_age) =
            (options.young_age_seconds as f64 * 1e3, options.old_age_seconds as f64 * 1e3);
        let age = (now - born) as f64;
        let interval = if age <= young_age {
            young
        } else if age >= old_age {
            old
        } else {
            young + (old - young) * (age - young_age) / (old_age - young_age)
        };
        (interval as Millis).min(at_most.unwrap_or(Millis::MAX)).max(options.young_millis as Millis)
    }

    fn jitter(&mut self) -> f64 {
        self.random.f64().mul_add(1.0 - SHORTEST, SHORTEST)
    }

    fn jittered(&mut self, wait: Millis) -> Millis {
        (wait as f64 * self.jitter()) as Millis
    }

    /// Every job is either due in its group or covered by a call; for tests.
    #[cfg(test)]
    fn covered(&self) -> rustc_hash::FxHashSet<Job> {
        self.jobs.iter().filter(|(_, watched)| watched.due.is_none()).map(|(job, _)| *job).collect()
    }
}

#[cfg(test)]
mod tests;
