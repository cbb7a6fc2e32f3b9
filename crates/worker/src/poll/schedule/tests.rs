use std::collections::BTreeMap;

use super::*;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

fn identity(account: usize, role: usize) -> Identity {
    Identity {
        account: format!("{account:012}").into(),
        region: "us-east-1".into(),
        machine_role: format!("role-{role}").into(),
        task_role: None,
    }
}

fn key(account: usize, role: usize, group: &str) -> WatchKey {
    WatchKey { identity: identity(account, role), resource: "".into(), group: group.into() }
}

/// A service on virtual time: jobs that end when they end, and answers that take a while.
struct World {
    schedule: Schedule,
    limit: usize,
    now: Millis,
    /// Calls under way, by when they answer.
    calls: BTreeMap<(Millis, u64), Batch>,
    made: Vec<(Millis, WatchKey, usize)>,
    ends: FxHashMap<Job, Millis>,
    delays: FxHashMap<Job, Millis>,
    throttle: fn(Millis) -> bool,
    answer_takes: Millis,
    sequence: u64,
}

impl World {
    fn new(limit: usize) -> Self {
        Self {
            schedule: Schedule::new(PollOptions::default(), 7),
            limit,
            now: 0,
            calls: BTreeMap::new(),
            made: Vec::new(),
            ends: FxHashMap::default(),
            delays: FxHashMap::default(),
            throttle: |_| false,
            answer_takes: 200,
            sequence: 0,
        }
    }

    fn add(&mut self, job: Job, key: WatchKey, born: Millis, end: Millis) {
        self.schedule.add(job, Place { key, limit: self.limit }, born, None, self.now);
        self.ends.insert(job, end);
    }

    fn run_until(&mut self, end: Millis) {
        loop {
            let wakeup = self.schedule.next_wakeup().unwrap_or(Millis::MAX);
            let answer = self.calls.first_key_value().map_or(Millis::MAX, |((at, _), _)| *at);
            let next = wakeup.min(answer);
            if next > end {
                break;
            }
            assert!(next >= self.now || wakeup <= self.now, "time goes forward");
            self.now = self.now.max(next);
            if answer <= self.now {
                let (_, batch) = self.calls.pop_first().unwrap();
                self.answer(&batch);
            } else {
                self.call();
            }
        }
        self.now = end;
    }

    fn call(&mut self) {
        let batches = self.schedule.take_due(self.now);
        for batch in batches {
            assert!(!batch.jobs.is_empty() && batch.jobs.len() <= self.limit);
            self.made.push((self.now, batch.key.clone(), batch.jobs.len()));
            self.sequence += 1;
            self.calls.insert((self.now + self.answer_takes, self.sequence), batch);
        }
    }

    fn answer(&mut self, batch: &Batch) {
        let asked = self.now - self.answer_takes;
        if (self.throttle)(asked) {
            return self.schedule.done(batch, Outcome::Throttled, self.now);
        }
        for job in &batch.jobs {
            if self.ends.get(job).is_some_and(|end| *end <= asked) {
                let end = self.ends.remove(job).unwrap();
                self.delays.insert(*job, self.now - end);
                self.schedule.remove(*job);
            }
        }
        self.schedule.done(batch, Outcome::Answered, self.now);
    }

    /// The most calls that any identity sees within any span of that length.
    fn busiest(&self, span: Millis) -> usize {
        let mut by_identity: FxHashMap<&Identity, Vec<Millis>> = FxHashMap::default();
        for (at, key, _) in &self.made {
            by_identity.entry(&key.identity).or_default().push(*at);
        }
        let most = |times: &Vec<Millis>| {
            times
                .iter()
                .map(|start| times.iter().filter(|at| (*start..start + span).contains(at)).count())
                .max()
        };
        by_identity.values().filter_map(most).max().unwrap_or(0)
    }
}

/// The acceptance case: 1,000 jobs of mixed age over two accounts and two roles.
#[test]
fn a_thousand_jobs_cost_few_calls_and_are_seen_in_time() {
    for jobs_of_one_identity in [250, 1_000] {
        let mut world = World::new(100);
        let mut random = fastrand::Rng::with_seed(3);
        for job in 0..jobs_of_one_identity * 4 {
            // A third new, a third minutes old, a third hours old.
            let age = [
                random.i64(0..60 * SECOND),
                random.i64(2 * MINUTE..20 * MINUTE),
                random.i64(HOUR..10 * HOUR),
            ];
            let born = -age[job as usize % 3];
            let end = random.i64(0..3 * MINUTE);
            world.add(job, key(job as usize / 2 % 2, job as usize % 2, ""), born, end);
            world.ends.insert(job, end);
        }
        let born: FxHashMap<Job, Millis> =
            world.schedule.jobs.iter().map(|(job, w)| (*job, w.born)).collect();
        let ends = world.ends.clone();
        world.run_until(6 * MINUTE);

        assert!(world.ends.is_empty(), "every end was seen");
        let young_span = PollOptions::default().young_millis as Millis * 9 / 10;
        assert!(world.busiest(young_span) <= 10, "{} calls an interval", world.busiest(young_span));
        for (job, delay) in &world.delays {
            let age_at_end = ends[job] - born[job];
            let bound = if age_at_end < 2 * MINUTE { 5 * SECOND } else { 60 * SECOND };
            assert!(*delay <= bound, "job {job}, {age_at_end} ms old, was seen after {delay} ms");
        }
    }
}

const HOUR: Millis = 60 * MINUTE;

#[test]
fn intervals_grow_with_age() {
    let schedule = Schedule::new(PollOptions::default(), 0);
    let check = |age: Millis, at_most: Option<Millis>, expect: Millis| {
        assert_eq!(schedule.interval(-age, at_most, 0), expect, "age {age}");
    };
    check(0, None, 4_000);
    check(2 * MINUTE, None, 4_000);
    check(11 * MINUTE, None, 24_500);
    check(20 * MINUTE, None, 45_000);
    check(24 * HOUR, None, 45_000);
    check(24 * HOUR, Some(10 * SECOND), 10_000);
    check(24 * HOUR, Some(1), 4_000);
    check(-HOUR, None, 4_000);
}

#[test]
fn a_call_is_filled_up_with_what_is_due_next() {
    let mut world = World::new(10);
    world.add(0, key(0, 0, ""), 0, Millis::MAX);
    for job in 1..30 {
        world.add(job, key(0, 0, ""), -HOUR, Millis::MAX);
    }
    world.run_until(4 * SECOND);
    let first = &world.made[0];
    assert_eq!(first.2, 10, "{first:?}");
}

#[test]
fn groups_do_not_share_calls_but_share_the_budget() {
    let mut world = World::new(100);
    for job in 0..200 {
        world.add(job, key(0, 0, &format!("cluster-{job}")), 0, Millis::MAX);
    }
    world.run_until(60 * SECOND);
    assert!(world.made.iter().all(|(_, _, jobs)| *jobs == 1));
    let options = PollOptions::default();
    let most = options.burst + options.calls_per_second * 60.0 + 1.0;
    assert!(world.made.len() as f64 <= most, "{} calls", world.made.len());
    let asked: FxHashMap<&str, usize> =
        world.made.iter().fold(FxHashMap::default(), |mut counts, (_, key, _)| {
            *counts.entry(&*key.group).or_default() += 1;
            counts
        });
    assert_eq!(asked.len(), 200, "every group gets its turn");
    assert!(asked.values().all(|count| *count <= 3), "none gets more than its turn");
}

#[test]
fn a_throttle_pauses_one_identity_and_loses_no_job() {
    let mut world = World::new(100);
    world.throttle = |at| at < 60 * SECOND;
    for job in 0..500 {
        world.add(job, key(0, 0, ""), 0, 10 * SECOND);
    }
    world.run_until(60 * SECOND);
    let throttled = world.made.len();
    assert!(throttled < 40, "{throttled} calls into a throttling service");
    world.run_until(4 * MINUTE);
    assert_eq!(world.delays.len(), 500);
    assert!(
        world.schedule.is_empty() && world.schedule.groups.is_empty() && world.schedule.budgets.is_empty()
    );
    assert!(world.schedule.wakeups.is_empty());
}

#[test]
fn a_throttled_identity_does_not_slow_another() {
    let mut schedule = Schedule::new(PollOptions::default(), 1);
    schedule.add(1, Place { key: key(0, 0, ""), limit: 100 }, 0, None, 0);
    schedule.add(2, Place { key: key(0, 1, ""), limit: 100 }, 0, None, 0);
    for batch in schedule.take_due(10 * SECOND) {
        let outcome = if batch.jobs == [1] { Outcome::Throttled } else { Outcome::Answered };
        schedule.done(&batch, outcome, 10 * SECOND);
    }
    let jobs = |schedule: &mut Schedule, now| -> Vec<u64> {
        schedule.take_due(now).into_iter().flat_map(|batch| batch.jobs).collect()
    };
    assert!(jobs(&mut schedule, 10 * SECOND).is_empty());
    let mut seen = Vec::new();
    for now in (10 * SECOND..15 * SECOND).step_by(100) {
        seen.extend(jobs(&mut schedule, now));
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
}

#[test]
fn failed_calls_are_repeated_less_and_less_often() {
    let mut schedule = Schedule::new(PollOptions::default(), 1);
    schedule.add(1, Place { key: key(0, 0, ""), limit: 100 }, -HOUR, None, 0);
    let mut times = Vec::new();
    while times.len() < 9 {
        let now = schedule.next_wakeup().unwrap();
        for batch in schedule.take_due(now) {
            times.push(now);
            assert_eq!(schedule.covered().len(), 1);
            schedule.done(&batch, Outcome::Failed, now);
        }
    }
    let gaps: Vec<Millis> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[0] <= 4_000 && gaps[1] > gaps[0] && gaps[2] > gaps[1], "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= LONGEST_RETRY), "{gaps:?}");
}

#[test]
fn what_is_removed_while_a_call_covers_it_stays_removed() {
    let mut schedule = Schedule::new(PollOptions::default(), 1);
    schedule.add(1, Place { key: key(0, 0, ""), limit: 100 }, 0, None, 0);
    schedule.add(2, Place { key: key(0, 0, ""), limit: 100 }, 0, None, 0);
    let batch = schedule.take_due(5 * SECOND).remove(0);
    schedule.remove(1);
    schedule.done(&batch, Outcome::Answered, 6 * SECOND);
    assert_eq!(schedule.len(), 1);
    assert_eq!(schedule.take_due(20 * SECOND), [Batch { key: key(0, 0, ""), jobs: vec![2] }]);
    schedule.remove(2);
    assert_eq!(schedule.next_wakeup(), None);
}

#[test]
fn a_job_that_an_event_tells_of_is_looked_at_at_once_but_no_more_often_than_each_second() {
    let mut world = World::new(100);
    let key = key(1, 1, "");
    for job in 1..=3 {
        world.add(job, key.clone(), -120 * MINUTE, Millis::MAX);
    }
    world.run_until(2 * MINUTE);
    let rounds = |world: &World| world.made.len();
    let before = rounds(&world);
    world.schedule.hasten(1, world.now);
    let at = world.now;
    world.run_until(at + SECOND + 300);
    assert!(rounds(&world) > before && world.made[before].0 <= at + SECOND, "{:?}", &world.made[before..]);
    // A flood of events, some while a call is under way.
    let (before, from) = (rounds(&world), world.now);
    for tenth in 1..=100 {
        for job in 1..=4 {
            world.schedule.hasten(job, world.now);
        }
        world.run_until(from + 100 * tenth);
    }
    let made = rounds(&world) - before;
    assert!((8..=11).contains(&made), "{made} rounds in ten seconds");
    assert!(world.made[before..].windows(2).all(|pair| pair[1].0 - pair[0].0 >= SECOND));
}
