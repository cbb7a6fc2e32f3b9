//! Carries dispatches out: submits, reconciles and cancels, many at a time.
//!
//! What makes a job start at most once is here: an unknown outcome is never answered with another submit, but with a
//! look for what the first one did; only what certainly was not started is submitted again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use newel_runtime::{failpoint, propagation};
use newel_value::Payload;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::adapter::{Adapter, Failure, Reconciled, Started, Submission};
use crate::attempt::{Attempt, ExternalRef};
use crate::backoff::Backoff;
use crate::ledger::{Ledger, MayStart, Order, Step};
use crate::poll::Poller;
use crate::reports::Report;

/// How often a submission that certainly had no effect is made again.
const RESUBMITS: u32 = 2;
/// How long a look for an earlier submission goes on when the service can't be asked. One on behalf of a cancel goes on
/// until there is an answer: a job may be running that nobody wants.
const LOOK_FOR: Duration = Duration::from_secs(600);
/// The first and the longest wait between repetitions of a cancel or a look.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a submit or reconcile came to.
enum Settled {
    Started(Started),
    Ended(Report),
}

/// What a look for an earlier submission came to, transient trouble overcome.
enum Found {
    Adopted(Started),
    Finished(Payload),
    NotStarted,
    Unknown(String),
    /// The attempt isn't wanted any more, and the look would have been a start call.
    Unwanted,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Executor {
    adapter: Arc<dyn Adapter>,
    ledger: Arc<Ledger>,
    poller: Arc<Poller>,
    calls: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Executor {
    /// `stop` ends what still waits when the process can't wait any longer.
    pub(crate) fn new(
        adapter: Arc<dyn Adapter>,
        ledger: Arc<Ledger>,
        poller: Arc<Poller>,
        max_concurrent_calls: usize,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let calls = Semaphore::new(max_concurrent_calls);
        Arc::new(Self { adapter, ledger, poller, calls, tasks: TaskTracker::new(), stop })
    }

    /// Begins with what the ledger decided; returns at once.
    pub(crate) fn run(self: &Arc<Self>, step: Step) {
        let Step::Run(attempt, order) = step else { return };
        let span = tracing::info_span!(
            "attempt",
            task = %attempt.task,
            order = ?order,
            resource = &*attempt.resource,
            execution = &*attempt.execution_arn,
            state = &*attempt.state_name,
        );
        propagation::set_parent(&span, &attempt.traceparent);
        let this = Arc::clone(self);
        match order {
            Order::Watch => {
                if let Some(job) = attempt.external_ref.clone() {
                    this.poller.watch(&attempt, job);
                } else {
                    self.ledger.ended(&attempt.task, invalid("a watch without a job"));
                }
            }
            Order::Submit | Order::Reconcile => {
                self.tasks.spawn(async move { this.start(&attempt, order).await }.instrument(span));
            }
            Order::Cancel => {
                self.poller.forget(&attempt.task);
                self.tasks.spawn(async move { this.cancel(&attempt).await }.instrument(span));
            }
        }
    }

    /// Waits for every call under way.
    pub(crate) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn start(&self, attempt: &Arc<Attempt>, order: Order) {
        let Some(settled) = self.until_stopped(self.settle(attempt, order)).await.flatten() else { return };
        match settled {
            Settled::Started(started) => {
                failpoint::hit("after-service-accepted");
                let job = started.external_ref.clone();
                if self.ledger.submitted(&attempt.task, started) {
                    let attempt = Attempt { external_ref: Some(job), ..Attempt::clone(attempt) };
                    self.cancel(&Arc::new(attempt)).await;
                }
            }
            Settled::Ended(report) => {
                if matches!(report, Report::Succeeded(_)) {
                    failpoint::hit("after-service-accepted");
                }
                self.ledger.ended(&attempt.task, report);
            }
        }
    }

    /// `None` if the attempt is no longer wanted.
    async fn settle(&self, attempt: &Arc<Attempt>, order: Order) -> Option<Settled> {
        // Until it has its turn, the attempt can be withdrawn; from here on the service may hear of it.
        let permit = self.calls.acquire().await.ok()?;
        if !self.ledger.begin(attempt) {
            return None;
        }
        if order == Order::Submit {
            return self.submit(attempt, Some(permit)).await;
        }
        drop(permit);
        if self.adapter.look_starts(attempt) && attempt.is_past_deadline(SystemTime::now()) {
            return Some(timed_out());
        }
        match self.look(attempt, Some(LOOK_FOR)).await {
            Found::Adopted(started) => Some(Settled::Started(started)),
            Found::Finished(output) => Some(Settled::Ended(Report::Succeeded(output))),
            Found::NotStarted => self.submit(attempt, None).await,
            Found::Unknown(cause) => Some(self.unanswered(attempt, &cause)),
            Found::Unwanted => None,
        }
    }

    /// `None` if the attempt is no longer wanted. `permit` is that of the first call.
    async fn submit(
        &self,
        attempt: &Arc<Attempt>,
        mut permit: Option<SemaphorePermit<'_>>,
    ) -> Option<Settled> {
        let mut last_cause = String::new();
        for _ in 0..=RESUBMITS {
            let turn = match self.turn(attempt, permit.take()).await {
                Ok(turn) => turn,
                Err(settled) => return settled,
            };
            let submission = self.adapter.submit(attempt).await;
            drop(turn);
            let (answer, cause) = match submission {
                Submission::Started(started) => return Some(Settled::Started(started)),
                Submission::Finished(output) => return Some(Settled::Ended(Report::Succeeded(output))),
                Submission::Failed(failure) => return Some(Settled::Ended(Report::Failed(failure))),
                Submission::Unknown { answer, cause } => (answer, cause),
            };
            tracing::warn!(cause, "the outcome of a submit is unknown; looking for what it did");
            match (self.look(attempt, Some(LOOK_FOR)).await, answer) {
                (Found::Adopted(started), _) => return Some(Settled::Started(started)),
                (Found::Finished(output), _) => return Some(Settled::Ended(Report::Succeeded(output))),
                (Found::Unwanted, _) => return None,
                // The service said no and nothing is there: its word is the attempt's error, and Retry's business.
                (_, Some(answer)) => return Some(Settled::Ended(Report::Failed(answer))),
                (Found::NotStarted, None) => last_cause = cause,
                (Found::Unknown(_), None) => return Some(self.unanswered(attempt, &cause)),
            }
        }
        Some(self.unanswered(attempt, &last_cause))
    }

    /// The turn to make a start call that is wanted at this moment; otherwise what the attempt comes to, if it is still
    /// this process's.
    async fn turn<'a>(
        &'a self,
        attempt: &Arc<Attempt>,
        mut permit: Option<SemaphorePermit<'a>>,
    ) -> Result<SemaphorePermit<'a>, Option<Settled>> {
        loop {
            let turn = match permit.take() {
                Some(held) => held,
                None => self.calls.acquire().await.map_err(|_| None)?,
            };
            match self.ledger.may_start(attempt) {
                MayStart::Yes if attempt.is_past_deadline(SystemTime::now()) => {
                    return Err(Some(timed_out()));
                }
                MayStart::Yes => return Ok(turn),
                MayStart::Cancelled => return Err(Some(Settled::Ended(Report::Cancelled))),
                MayStart::Unwanted => return Err(None),
                MayStart::AskAgain => {}
            }
            drop(turn);
            tokio::time::sleep(FIRST_WAIT).await;
        }
    }

    /// Asks what an earlier submit did, until there is an answer that can be trusted. Past `limit` a service that can't
    /// be asked counts as one that can't tell; without one, as on behalf of a cancel, it is asked on and on.
    async fn look(&self, attempt: &Arc<Attempt>, limit: Option<Duration>) -> Found {
        let begun = Instant::now();
        let lag = self.adapter.listing_lag();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            if limit.is_some() && self.adapter.look_starts(attempt) {
                match self.ledger.may_start(attempt) {
                    // What is to be stopped has to be found first.
                    MayStart::Yes | MayStart::Cancelled => {}
                    MayStart::Unwanted => return Found::Unwanted,
                    MayStart::AskAgain => {
                        tokio::time::sleep(FIRST_WAIT).await;
                        continue;
                    }
                }
            }
            // What a question asked past the lag doesn't show isn't there.
            let trusted = begun.elapsed() >= lag;
            let wait = match self.call(self.adapter.reconcile(attempt)).await {
                Reconciled::Adopted(started) => return Found::Adopted(started),
                Reconciled::Finished(output) => return Found::Finished(output),
                Reconciled::NotStarted if trusted => return Found::NotStarted,
                Reconciled::Unknown { cause } => return Found::Unknown(cause),
                Reconciled::NotStarted => lag.saturating_sub(begun.elapsed()).min((lag / 4).max(FIRST_WAIT)),
                Reconciled::Later { cause } => {
                    let given_up = limit.is_some_and(|limit| begun.elapsed() > limit);
                    if given_up && !self.ledger.cancel_wanted(attempt) {
                        return Found::Unknown(cause);
                    }
                    tracing::debug!(cause, "an earlier submit couldn't be looked for; trying again");
                    backoff.next()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Stops a job, again and again until the service confirms.
    async fn cancel(&self, attempt: &Arc<Attempt>) {
        let confirmed = async {
            let Some(job) = self.job_to_cancel(attempt).await else { return };
            let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
            while let Err(failure) = self.call(self.adapter.cancel(attempt, &job)).await {
                tracing::warn!(%failure, %job, "a job couldn't be stopped; trying again");
                tokio::time::sleep(backoff.next()).await;
            }
        };
        if self.until_stopped(confirmed).await.is_some() {
            self.ledger.ended(&attempt.task, Report::Cancelled);
        }
    }

    /// The job that an attempt started, if it started one as far as can be told.
    async fn job_to_cancel(&self, attempt: &Arc<Attempt>) -> Option<ExternalRef> {
        if let Some(job) = &attempt.external_ref {
            return Some(job.clone());
        }
        attempt.parameters.as_ref()?;
        match self.look(attempt, None).await {
            Found::Adopted(started) => Some(started.external_ref),
            Found::NotStarted | Found::Finished(_) | Found::Unwanted => None,
            Found::Unknown(cause) => {
                tracing::warn!(cause, "whether there is a job to stop can't be told");
                None
            }
        }
    }

    /// One call, within the bound on calls at a time.
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        // The semaphore is never closed; without a permit the bound is missed, and nothing else.
        let _permit = self.calls.acquire().await;
        call.await
    }

    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    fn unanswered(&self, attempt: &Attempt, cause: &str) -> Settled {
        Settled::Ended(Report::Failed(self.adapter.unanswered(attempt, cause)))
    }
}

fn timed_out() -> Settled {
    Settled::Ended(Report::Failed(Failure::new("States.Timeout", "")))
}

/// The end of an attempt whose dispatch makes no sense.
pub(crate) fn invalid(problem: &str) -> Report {
    Report::Failed(Failure::new("States.Runtime", format!("the dispatch can't be carried out: {problem}")))
}
