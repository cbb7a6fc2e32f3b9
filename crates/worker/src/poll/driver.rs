//! Makes the calls that the schedule asks for, and turns answers into reports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Batch, Millis, Outcome, Place, Schedule};
use crate::adapter::{Adapter, CallFailure, Failure, JobState, WatchKey};
use crate::attempt::{Attempt, ExternalRef, TaskKey};
use crate::ledger::{Ledger, end_report};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::reports::Report;

/// Describe calls under way at once.
const CALLS_AT_ONCE: usize = 16;
/// How long a describe call may take before it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long polling pauses before it looks again whether results are being acknowledged.
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// A job under watch.
#[derive(Debug)]
struct Watched {
    task: TaskKey,
    job: ExternalRef,
    heartbeat: bool,
    missing_since: Option<Instant>,
    refused_since: Option<Instant>,
}

#[derive(Debug)]
struct State {
    schedule: Schedule,
    jobs: FxHashMap<u64, Watched>,
    numbers: FxHashMap<TaskKey, u64>,
    /// Jobs by their ids, which several attempts may have in common.
    ids: BTreeSet<(Arc<str>, u64)>,
    next: u64,
}

/// The coalescing poller.
#[derive(Debug)]
pub(crate) struct Poller {
    adapter: Arc<dyn Adapter>,
    ledger: Arc<Ledger>,
    metrics: Metrics,
    state: Mutex<State>,
    changed: Notify,
    started: Instant,
    missing_grace: Duration,
    refused_grace: Duration,
    max_unacknowledged: usize,
}

impl Poller {
    pub(crate) fn new(
        adapter: Arc<dyn Adapter>,
        ledger: Arc<Ledger>,
        metrics: Metrics,
        options: &Options,
    ) -> Arc<Self> {
        let schedule = Schedule::new(options.poll.clone(), fastrand::u64(..));
        Arc::new(Self {
            adapter,
            ledger,
            metrics,
            state: Mutex::new(State {
                schedule,
                jobs: FxHashMap::default(),
                numbers: FxHashMap::default(),
                ids: BTreeSet::new(),
                next: 0,
            }),
            changed: Notify::new(),
            started: Instant::now(),
            missing_grace: Duration::from_secs(options.poll.missing_grace_seconds),
            refused_grace: Duration::from_secs(options.poll.refused_grace_seconds),
            max_unacknowledged: options.max_unacknowledged_bytes,
        })
    }

    /// Watches an attempt's job until its end is reported or it is let go.
    pub(crate) fn watch(&self, attempt: &Attempt, job: ExternalRef) {
        let key = WatchKey {
            identity: attempt.identity.clone(),
            resource: Arc::clone(&attempt.resource),
            group: self.adapter.describe_group(&job),
        };
        let limit = self.adapter.describe_limit(&attempt.resource);
        let now = self.now();
        let age = attempt.submitted_at.and_then(|at| SystemTime::now().duration_since(at).ok());
        let born = now - age.map_or(0, millis);
        // Twice within a heartbeat, so that one lost call doesn't look like a dead job.
        let at_most = attempt.heartbeat.map(|heartbeat| millis(heartbeat / 2));
        let mut state = self.state.lock();
        state.remove(&attempt.task);
        let number = state.next;
        state.next += 1;
        state.numbers.insert(attempt.task.clone(), number);
        state.ids.insert((id_of(&job), number));
        let watched = Watched {
            task: attempt.task.clone(),
            job,
            heartbeat: attempt.heartbeat.is_some(),
            missing_since: None,
            refused_since: None,
        };
        state.jobs.insert(number, watched);
        state.schedule.add(number, Place { key, limit }, born, at_most, now);
        self.metrics.watched(1);
        self.changed.notify_one();
    }

    /// Something is said to have happened to a job: it is looked at soon. Whether anybody watches it.
    pub(crate) fn hasten(&self, id: &str) -> bool {
        let now = self.now();
        let mut state = self.state.lock();
        let id: Arc<str> = id.into();
        let range = (Arc::clone(&id), 0)..=(id, u64::MAX);
        let numbers: Vec<u64> = state.ids.range(range).map(|(_, number)| *number).collect();
        for &number in &numbers {
            state.schedule.hasten(number, now);
        }
        drop(state);
        if !numbers.is_empty() {
            self.changed.notify_one();
        }
        !numbers.is_empty()
    }

    /// Lets an attempt's job go.
    pub(crate) fn forget(&self, task: &TaskKey) {
        if self.state.lock().remove(task) {
            self.metrics.watched(-1);
        }
    }

    /// Polls until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(CALLS_AT_ONCE));
        loop {
            let wakeup = self.state.lock().schedule.next_wakeup();
            let at = wakeup.map(|at| self.started + Duration::from_millis(u64::try_from(at).unwrap_or(0)));
            // All three arms are safe to drop: a notification that isn't awaited stays pending.
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => continue,
                () = sleep_until(at) => {}
            }
            if self.ledger.unacknowledged_bytes() > self.max_unacknowledged {
                // Nobody takes results now; the jobs' ends keep in the service.
                tokio::time::sleep(FULL_PAUSE).await;
                continue;
            }
            let batches = self.state.lock().schedule.take_due(self.now());
            for batch in batches {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                let poller = Arc::clone(&self);
                let span = tracing::debug_span!(
                    "describe",
                    family = poller.adapter.family(),
                    account = %batch.key.identity.account,
                    jobs = batch.jobs.len(),
                );
                let call = async move {
                    poller.look(batch).await;
                    drop(slot);
                };
                tokio::spawn(call.instrument(span));
            }
        }
    }

    /// One call, and what follows from its answer.
    async fn look(&self, batch: Batch) {
        let refs: Vec<(u64, ExternalRef)> = {
            let state = self.state.lock();
            let still = |number: &u64| state.jobs.get(number).map(|watched| (*number, watched.job.clone()));
            batch.jobs.iter().filter_map(still).collect()
        };
        let jobs: Vec<ExternalRef> = refs.iter().map(|(_, job)| job.clone()).collect();
        let outcome = if jobs.is_empty() {
            Outcome::Answered
        } else {
            match tokio::time::timeout(CALL_TIMEOUT, self.adapter.describe(&batch.key, &jobs)).await {
                Ok(Ok(states)) => {
                    for ((number, _), state) in refs.iter().zip(states) {
                        self.seen(*number, state);
                    }
                    Outcome::Answered
                }
                Ok(Err(failure)) => self.failed(&refs, failure),
                Err(_) => self.failed(&refs, CallFailure::Transient("no answer in time".to_owned())),
            }
        };
        let now = self.now();
        self.state.lock().schedule.done(&batch, outcome, now);
        self.changed.notify_one();
    }

    /// A job's state is known.
    fn seen(&self, number: u64, job: JobState) {
        let mut state = self.state.lock();
        let Some(watched) = state.jobs.get_mut(&number) else { return };
        watched.refused_since = None;
        let end = match job {
            JobState::Running => {
                watched.missing_since = None;
                if watched.heartbeat {
                    let task = watched.task.clone();
                    drop(state);
                    self.ledger.alive(&task);
                }
                return;
            }
            JobState::Missing => {
                let since = *watched.missing_since.get_or_insert_with(Instant::now);
                if since.elapsed() < self.missing_grace {
                    return;
                }
                Report::Failed(Failure::task_failed(format!("The job {} no longer exists.", watched.job)))
            }
            JobState::Succeeded(output) => end_report(Ok(output)),
            JobState::Failed(failure) => end_report(Err(failure)),
        };
        let task = watched.task.clone();
        state.remove(&task);
        drop(state);
        self.metrics.watched(-1);
        self.ledger.ended(&task, end);
    }

    /// The call failed for all of its jobs.
    fn failed(&self, refs: &[(u64, ExternalRef)], failure: CallFailure) -> Outcome {
        match failure {
            CallFailure::Throttled => return Outcome::Throttled,
            CallFailure::Transient(cause) => {
                tracing::warn!(cause, "jobs couldn't be described; trying again")
            }
            CallFailure::Refused(failure) => {
                tracing::warn!(error = failure.error, cause = failure.cause, "describing jobs was refused");
                for (number, _) in refs {
                    self.refused(*number, &failure);
                }
            }
        }
        Outcome::Failed
    }

    /// A refusal that lasts ends the attempt: nobody would ever learn of its job's end.
    fn refused(&self, number: u64, failure: &Failure) {
        let mut state = self.state.lock();
        let Some(watched) = state.jobs.get_mut(&number) else { return };
        let since = *watched.refused_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.refused_grace {
            return;
        }
        let task = watched.task.clone();
        state.remove(&task);
        drop(state);
        self.metrics.watched(-1);
        self.ledger.ended(&task, Report::Failed(failure.clone()));
    }

    fn now(&self) -> Millis {
        millis(self.started.elapsed())
    }
}

impl State {
    fn remove(&mut self, task: &TaskKey) -> bool {
        let Some(number) = self.numbers.remove(task) else { return false };
        if let Some(watched) = self.jobs.remove(&number) {
            self.ids.remove(&(id_of(&watched.job), number));
        }
        self.schedule.remove(number);
        true
    }
}

/// A job's id: the first word of its external ref, as tables write it.
fn id_of(job: &ExternalRef) -> Arc<str> {
    job.as_str().split(' ').next().unwrap_or_default().into()
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
