//! What an account holds in a region: its jobs (Batch jobs, ECS tasks, Glue runs), tokens and tables.
//!
//! A job is a compact record: names, the request as it came, its script and when it began. Its id is computed from its
//! place in the store and its status from the clock, so neither is kept.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::{Map, Value};

use crate::identity::Caller;
use crate::scripts::{LifeCycle, Phase};
use crate::services::{Service, Tables};

/// The state of one (account, region).
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) batch: Mutex<JobStore>,
    pub(crate) ecs: Mutex<JobStore>,
    pub(crate) glue: Mutex<JobStore>,
    pub(crate) tables: Mutex<Tables>,
}

impl Space {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            batch: Mutex::default(),
            ecs: Mutex::default(),
            glue: Mutex::default(),
            tables: Mutex::default(),
        }
    }

    /// The jobs of a service that has some.
    pub(crate) fn jobs_of(&self, service: Service) -> Option<&Mutex<JobStore>> {
        match service {
            Service::Batch => Some(&self.batch),
            Service::Ecs => Some(&self.ecs),
            Service::Glue => Some(&self.glue),
            Service::DynamoDb | Service::Sts => None,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for store in [&self.batch, &self.ecs, &self.glue] {
            *store.lock() = JobStore::default();
        }
        *self.tables.lock() = Tables::default();
    }
}

/// One job. `group` and `name` are what listings go by: see [`JobStore`].
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: Box<str>,
    pub(crate) group: Arc<str>,
    pub(crate) started_by: Option<Box<str>>,
    /// The start request's body as it came, shared by the tasks of one call.
    pub(crate) request: Arc<str>,
    pub(crate) created_ms: u64,
    pub(crate) life: Arc<LifeCycle>,
    pub(crate) stop: Option<Box<Stop>>,
    /// Tags added after the start.
    pub(crate) added_tags: Option<Box<Map<String, Value>>>,
    pub(crate) caller: Arc<Caller>,
    /// How many earlier runs this one repeats (Glue).
    pub(crate) repeats: u16,
    older_of_name: Option<u32>,
    older_of_group: Option<u32>,
}

/// A stop, terminate or cancel call that took effect.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) at_ms: u64,
    pub(crate) reason: Box<str>,
    /// Cancelled before it ran, rather than terminated (Batch tells these apart).
    pub(crate) cancelled: bool,
}

/// What a start call gives.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: &'a str,
    pub(crate) started_by: Option<&'a str>,
    pub(crate) request: Arc<str>,
    pub(crate) created_ms: u64,
    pub(crate) life: Arc<LifeCycle>,
    pub(crate) caller: &'a Arc<Caller>,
    pub(crate) repeats: u16,
}

impl Job {
    /// The phases entered by `now_ms`, oldest first, each with the moment it was entered.
    pub(crate) fn entered(&self, now_ms: u64) -> impl Iterator<Item = (u64, &Phase)> {
        let stopped_at = self.stop.as_ref().map_or(u64::MAX, |stop| stop.at_ms);
        let started = |from: u64, until: u64| {
            move |phase: &Phase| Some(from.saturating_add(phase.at_ms)).filter(|at| *at <= until)
        };
        let run = started(self.created_ms, now_ms.min(stopped_at));
        let stop = started(stopped_at, now_ms);
        let ran = self.life.run.iter().filter_map(move |phase| Some((run(phase)?, phase)));
        let stopping = self.stop.iter().flat_map(|_| self.life.stop.iter());
        ran.chain(stopping.filter_map(move |phase| Some((stop(phase)?, phase))))
    }

    /// The status at `now_ms`.
    pub(crate) fn status(&self, now_ms: u64) -> &str {
        self.entered(now_ms).last().map_or("", |(_, phase)| &phase.status)
    }

    /// When `status` was last entered, if it was by `now_ms`.
    pub(crate) fn entered_status(&self, status: &str, now_ms: u64) -> Option<u64> {
        self.entered(now_ms).filter(|(_, phase)| phase.status == status).last().map(|(at, _)| at)
    }

    /// When one of `terminal` was first entered, if one was by `now_ms`.
    pub(crate) fn ended(&self, terminal: &[&str], now_ms: u64) -> Option<u64> {
        self.entered(now_ms).find(|(_, phase)| terminal.contains(&&*phase.status)).map(|(at, _)| at)
    }

    /// Ends the job's script and starts its stop sequence, unless it has ended or is being stopped already.
    pub(crate) fn stop(&mut self, terminal: &[&str], now_ms: u64, reason: &str, cancelled: bool) -> bool {
        if self.stop.is_some() || self.ended(terminal, now_ms).is_some() {
            return false;
        }
        self.stop = Some(Box::new(Stop { at_ms: now_ms, reason: reason.into(), cancelled }));
        true
    }

    /// The request as JSON; it was valid when it came.
    pub(crate) fn request_json(&self) -> Map<String, Value> {
        serde_json::from_str(&self.request).unwrap_or_default()
    }
}

/// The jobs of one service in one space, and the client tokens they were started with.
///
/// Jobs are chained from newest to oldest by group (Batch queue, ECS cluster, Glue job) and by name (Batch job name, ECS
/// family, Glue job), so that a listing reads what it returns and a search for a name costs what it finds.
#[derive(Debug)]
pub(crate) struct JobStore {
    /// Makes ids differ between spaces, services, resets and processes.
    seed: u64,
    jobs: Vec<Job>,
    newest_of_name: FxHashMap<u64, u32>,
    newest_of_group: FxHashMap<Arc<str>, u32>,
    tokens: FxHashMap<Box<str>, TokenUse>,
}

/// The start call that first used a client token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenUse {
    /// Hash of the call's parameters.
    pub(crate) parameters: u64,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Default for JobStore {
    fn default() -> Self {
        Self {
            seed: RandomState::new().hash_one(()),
            jobs: Vec::new(),
            newest_of_name: FxHashMap::default(),
            newest_of_group: FxHashMap::default(),
            tokens: FxHashMap::default(),
        }
    }
}

impl JobStore {
    /// Adds a job and gives its number.
    pub(crate) fn insert(&mut self, new: NewJob<'_>) -> u32 {
        let number = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let group = match self.newest_of_group.get_key_value(new.group) {
            Some((group, _)) => Arc::clone(group),
            None => new.group.into(),
        };
        let older_of_group = self.newest_of_group.insert(Arc::clone(&group), number);
        let older_of_name = self.newest_of_name.insert(name_hash(new.name), number);
        self.jobs.push(Job {
            name: new.name.into(),
            group,
            started_by: new.started_by.map(Into::into),
            request: new.request,
            created_ms: new.created_ms,
            life: new.life,
            stop: None,
            added_tags: None,
            caller: Arc::clone(new.caller),
            repeats: new.repeats,
            older_of_name,
            older_of_group,
        });
        number
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Job> {
        self.jobs.get(number as usize)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Job> {
        self.jobs.get_mut(number as usize)
    }

    /// 32 hexadecimal digits that name a job: a hash, then its number.
    pub(crate) fn digits(&self, number: u32) -> String {
        let hash = FxBuildHasher.hash_one((self.seed, number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{hash:016x}a000{number:012x}")
    }

    /// The job with this id, where `render` makes an id from [`Self::digits`] and keeps their last twelve at its end.
    pub(crate) fn find(&self, id: &str, render: fn(&str) -> String) -> Option<u32> {
        let tail = id.len().checked_sub(12).and_then(|at| id.get(at..))?;
        let number = u32::try_from(u64::from_str_radix(tail, 16).ok()?).ok()?;
        (self.get(number).is_some() && render(&self.digits(number)) == id).then_some(number)
    }

    /// The jobs of `group` from newest to oldest, starting below `before` if given.
    pub(crate) fn of_group(&self, group: &str, before: Option<u32>) -> impl Iterator<Item = (u32, &Job)> {
        // A page token names the last job of the page before: the listing goes on behind it.
        let first = match before {
            Some(number) => {
                self.get(number).filter(|job| *job.group == *group).and_then(|job| job.older_of_group)
            }
            None => self.newest_of_group.get(group).copied(),
        };
        self.chain(first, |job| job.older_of_group)
    }

    /// The jobs called `name`, in any case, from newest to oldest.
    pub(crate) fn of_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (u32, &'a Job)> {
        let first = self.newest_of_name.get(&name_hash(name)).copied();
        self.chain(first, |job| job.older_of_name).filter(move |(_, job)| job.name.eq_ignore_ascii_case(name))
    }

    fn chain(&self, first: Option<u32>, older: fn(&Job) -> Option<u32>) -> impl Iterator<Item = (u32, &Job)> {
        let follow = move |(number, job): (u32, &Job)| {
            // Links only lead to older jobs.
            older(job).filter(|next| *next < number)
        };
        let job_at = |number: u32| self.get(number).map(|job| (number, job));
        std::iter::successors(first.and_then(job_at), move |at| follow(*at).and_then(job_at))
    }

    pub(crate) fn token(&self, token: &str) -> Option<TokenUse> {
        self.tokens.get(token).copied()
    }

    pub(crate) fn use_token(&mut self, token: &str, used: TokenUse) {
        self.tokens.insert(token.into(), used);
    }
}

/// Hash of a name without regard to case: Batch searches names so.
fn name_hash(name: &str) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    name.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Callers, Scope};

    fn store_of(names: &[(&str, &str)]) -> JobStore {
        let callers = Callers::new(10);
        let caller = callers.identify(&Scope { access_key: "AK", region: "r", service: "batch" }).unwrap();
        let phase = |at_ms, status: &str| Phase { at_ms, status: status.to_owned(), with: Map::new() };
        let life = Arc::new(LifeCycle {
            run: vec![phase(0, "RUNNABLE"), phase(100, "RUNNING"), phase(500, "SUCCEEDED")],
            stop: vec![phase(0, "STOPPING"), phase(50, "FAILED")],
        });
        let mut store = JobStore::default();
        for (name, group) in names {
            store.insert(NewJob {
                name,
                group,
                started_by: None,
                request: "{}".into(),
                created_ms: 1000,
                life: Arc::clone(&life),
                caller: &caller,
                repeats: 0,
            });
        }
        store
    }

    #[test]
    fn chains_list_newest_first_and_resume() {
        let store = store_of(&[("a", "q"), ("b", "q"), ("a", "other"), ("A", "q")]);
        let numbers =
            |found: &mut dyn Iterator<Item = (u32, &Job)>| found.map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(numbers(&mut store.of_group("q", None)), [3, 1, 0]);
        assert_eq!(numbers(&mut store.of_group("q", Some(3))), [1, 0]);
        assert_eq!(numbers(&mut store.of_group("q", Some(2))), [] as [u32; 0], "a token of another group");
        assert_eq!(numbers(&mut store.of_name("a")), [3, 2, 0]);
        assert_eq!(numbers(&mut store.of_name("none")), [] as [u32; 0]);
    }

    #[test]
    fn ids_lead_back_to_their_job_only() {
        let store = store_of(&[("a", "q"), ("b", "q")]);
        for number in 0..2 {
            let digits = store.digits(number);
            assert_eq!(digits.len(), 32);
            assert_eq!(store.find(&digits, str::to_owned), Some(number));
            assert_eq!(JobStore::default().find(&digits, str::to_owned), None);
            let other = store_of(&[("a", "q"), ("b", "q")]);
            assert_eq!(other.find(&digits, str::to_owned), None, "another store's id");
        }
        for text in ["", "zzz", "000000000000", "é00000000000"] {
            assert_eq!(store.find(text, str::to_owned), None, "{text}");
        }
    }

    #[test]
    fn a_status_follows_the_clock_and_the_stop() {
        let mut store = store_of(&[("a", "q")]);
        let job = store.get_mut(0).unwrap();
        let seen = |job: &Job, at: &[u64]| {
            at.iter().map(|ms| job.status(*ms).to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(seen(job, &[1000, 1099, 1100, 1499, 1500]), "RUNNABLE RUNNABLE RUNNING RUNNING SUCCEEDED");
        assert!(!job.stop(&["SUCCEEDED"], 1500, "late", false));
        assert!(job.stop(&["SUCCEEDED"], 1200, "why", false));
        assert!(!job.stop(&["SUCCEEDED"], 1210, "again", false));
        assert_eq!(seen(job, &[1199, 1200, 1249, 1250, 9999]), "RUNNING STOPPING STOPPING FAILED FAILED");
        assert_eq!(job.ended(&["FAILED"], 9999), Some(1250));
        assert_eq!(job.entered_status("RUNNING", 9999), Some(1100));
    }
}
