//! The contract that every adapter keeps, as tests that it runs against its service (or a fake of it).
//!
//! An adapter's tests implement [`Bench`] and call [`check`]. Each clause is a function of its own and starts from a
//! fresh attempt; a broken one panics with what it expected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use newel_value::Payload;

use crate::adapter::{Adapter, JobState, Reconciled, Started, Submission, WatchKey};
use crate::attempt::{Attempt, ExternalRef, Identity, Pattern, TaskKey};

/// How an attempt's job is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Success,
    /// Badly.
    Failure,
}

/// What goes wrong with the next start call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, and the connection breaks before the answer.
    LostAnswer,
    /// The connection breaks, and it has no effect.
    Reset,
    /// The service asks for fewer calls, once.
    Throttled,
    /// The service answers with an internal error.
    ServerError,
    /// The service says that the caller may not.
    Denied,
}

/// A service to test an adapter against.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The adapter.
    fn adapter(&self) -> Arc<dyn Adapter>;

    /// A new attempt of a pattern that ends like this. Made with [`attempt`].
    fn attempt(&self, pattern: Pattern, ending: Ending) -> Attempt;

    /// How often the service carried the attempt's start call out.
    async fn effects(&self, attempt: &Attempt) -> usize;

    /// Makes the next start call go wrong, and only that one.
    fn break_next_start(&self, fault: Fault);

    /// Lets so much of the service's time pass that every job is over.
    fn pass_time(&self);

    /// Whether the service has jobs.
    fn has_jobs(&self) -> bool;

    /// Whether what a lost start call did can be found out.
    fn can_tell(&self) -> bool;
}

/// An attempt of a resource with these parameters, of an execution of its own.
#[must_use]
pub fn attempt(resource: &str, pattern: Pattern, parameters: &str) -> Attempt {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut execution = [0; 16];
    execution[8..].copy_from_slice(&number.to_be_bytes());
    let suffix = match pattern {
        Pattern::RequestResponse => "",
        Pattern::Job => ".sync",
        Pattern::Callback => ".waitForTaskToken",
    };
    Attempt {
        task: TaskKey { execution, frame: "".into(), entry: 2, attempt: 0 },
        resource: format!("arn:aws:states:::{resource}{suffix}").into(),
        pattern,
        identity: Identity {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            machine_role: "arn:aws:iam::123456789012:role/machine".into(),
            task_role: None,
        },
        execution_arn: format!("arn:aws:states:us-east-1:123456789012:execution:contract:run-{number}")
            .into(),
        state_name: "Task".into(),
        parameters: Some(Payload::from_checked_text(parameters)),
        submit_token: format!("00000000-0000-4000-8000-{number:012}").into(),
        external_ref: None,
        deadline: None,
        heartbeat: None,
        traceparent: "".into(),
        scheduled_at: SystemTime::now(),
        submitted_at: None,
        http_trace: None,
    }
}

/// Checks every clause that applies.
pub async fn check(bench: &dyn Bench) {
    a_submit_takes_effect_once(bench).await;
    a_throttled_submit_takes_effect_once(bench).await;
    a_lost_answer_is_unknown(bench).await;
    a_reset_start_is_unknown_or_harmless(bench).await;
    a_refusal_has_no_effect(bench).await;
    an_internal_error_is_unknown(bench).await;
    if bench.has_jobs() {
        jobs_are_watched_to_their_ends(bench).await;
        many_jobs_fit_one_look(bench).await;
        an_unknown_job_is_missing(bench).await;
        a_cancel_stops_and_is_repeatable(bench).await;
    }
}

/// The pattern that the service's attempts have.
fn pattern(bench: &dyn Bench) -> Pattern {
    if bench.has_jobs() { Pattern::Job } else { Pattern::RequestResponse }
}

fn fresh(bench: &dyn Bench) -> Attempt {
    bench.attempt(pattern(bench), Ending::Success)
}

async fn started(bench: &dyn Bench, attempt: &Attempt) -> Started {
    match bench.adapter().submit(attempt).await {
        Submission::Started(started) => started,
        other => panic!("a submit of a job was to start it: {other:?}"),
    }
}

fn watch_key(bench: &dyn Bench, attempt: &Attempt, job: &ExternalRef) -> WatchKey {
    WatchKey {
        identity: attempt.identity.clone(),
        resource: Arc::clone(&attempt.resource),
        group: bench.adapter().describe_group(job),
    }
}

async fn state(bench: &dyn Bench, attempt: &Attempt, job: &ExternalRef) -> JobState {
    let key = watch_key(bench, attempt, job);
    let states = bench.adapter().describe(&key, std::slice::from_ref(job)).await;
    let mut states = states.unwrap_or_else(|failure| panic!("a describe was to succeed: {failure}"));
    assert_eq!(states.len(), 1, "one state for each job");
    states.remove(0)
}

async fn a_submit_takes_effect_once(bench: &dyn Bench) {
    let attempt = fresh(bench);
    match bench.adapter().submit(&attempt).await {
        Submission::Started(started) => assert!(bench.has_jobs(), "{started:?}"),
        Submission::Finished(_) => assert!(!bench.has_jobs()),
        other => panic!("a submit was to succeed: {other:?}"),
    }
    assert_eq!(bench.effects(&attempt).await, 1);
    let alone = bench.attempt(Pattern::RequestResponse, Ending::Success);
    let submission = bench.adapter().submit(&alone).await;
    assert!(
        matches!(submission, Submission::Finished(_)),
        "request-response ends with the answer: {submission:?}"
    );
}

async fn a_throttled_submit_takes_effect_once(bench: &dyn Bench) {
    let attempt = fresh(bench);
    bench.break_next_start(Fault::Throttled);
    let submission = bench.adapter().submit(&attempt).await;
    assert!(
        matches!(submission, Submission::Started(_) | Submission::Finished(_)),
        "a throttle is waited out: {submission:?}"
    );
    assert_eq!(bench.effects(&attempt).await, 1);
}

async fn a_lost_answer_is_unknown(bench: &dyn Bench) {
    let attempt = fresh(bench);
    bench.break_next_start(Fault::LostAnswer);
    let submission = bench.adapter().submit(&attempt).await;
    assert!(matches!(submission, Submission::Unknown { .. }), "{submission:?}");
    assert_eq!(bench.effects(&attempt).await, 1, "it wasn't sent again");
    match (bench.adapter().reconcile(&attempt).await, bench.can_tell()) {
        (Reconciled::Adopted(found), true) => {
            assert_ne!(state(bench, &attempt, &found.external_ref).await, JobState::Missing);
        }
        (Reconciled::Unknown { .. }, false) => {}
        (other, can_tell) => panic!("it can be told: {can_tell}, and yet {other:?}"),
    }
    assert_eq!(bench.effects(&attempt).await, 1, "what was found wasn't started again");
}

async fn a_reset_start_is_unknown_or_harmless(bench: &dyn Bench) {
    let attempt = fresh(bench);
    bench.break_next_start(Fault::Reset);
    let submission = bench.adapter().submit(&attempt).await;
    assert!(matches!(submission, Submission::Unknown { .. }), "{submission:?}");
    match bench.adapter().reconcile(&attempt).await {
        Reconciled::NotStarted => assert_eq!(bench.effects(&attempt).await, 0),
        Reconciled::Adopted(_) => {
            assert_eq!(bench.effects(&attempt).await, 1, "a repetition that started it")
        }
        Reconciled::Unknown { .. } => assert!(!bench.can_tell()),
        other => panic!("{other:?}"),
    }
}

async fn a_refusal_has_no_effect(bench: &dyn Bench) {
    let attempt = fresh(bench);
    bench.break_next_start(Fault::Denied);
    match bench.adapter().submit(&attempt).await {
        Submission::Failed(failure) => {
            let unanswered = bench.adapter().unanswered(&attempt, "").error;
            let prefix = unanswered.split('.').next().unwrap_or_default();
            assert!(failure.error.starts_with(&format!("{prefix}.")), "{failure:?}");
            let statuses = ["Status Code: 4", "\"StatusCode\":4"];
            assert!(statuses.iter().any(|status| failure.cause.contains(status)), "{failure:?}");
        }
        other => panic!("a refusal fails the attempt: {other:?}"),
    }
    assert_eq!(bench.effects(&attempt).await, 0);
}

async fn an_internal_error_is_unknown(bench: &dyn Bench) {
    let attempt = fresh(bench);
    bench.break_next_start(Fault::ServerError);
    let submission = bench.adapter().submit(&attempt).await;
    assert!(matches!(submission, Submission::Unknown { answer: Some(_), .. }), "{submission:?}");
}

async fn jobs_are_watched_to_their_ends(bench: &dyn Bench) {
    for ending in [Ending::Success, Ending::Failure] {
        let attempt = bench.attempt(Pattern::Job, ending);
        let job = started(bench, &attempt).await.external_ref;
        assert_eq!(state(bench, &attempt, &job).await, JobState::Running);
        bench.pass_time();
        match (state(bench, &attempt, &job).await, ending) {
            (JobState::Succeeded(output), Ending::Success) => {
                let token = &*attempt.submit_token;
                assert!(!output.text().contains(token), "no marker shows in {}", output.text());
            }
            (JobState::Failed(failure), Ending::Failure) => assert_eq!(failure.error, "States.TaskFailed"),
            (other, _) => panic!("{ending:?} was expected, not {other:?}"),
        }
    }
}

async fn many_jobs_fit_one_look(bench: &dyn Bench) {
    const JOBS: usize = 5;
    let attempts: Vec<Attempt> = (0..JOBS).map(|_| fresh(bench)).collect();
    let mut jobs = Vec::new();
    for attempt in &attempts {
        jobs.push(started(bench, attempt).await.external_ref);
    }
    jobs.truncate(bench.adapter().describe_limit(&attempts[0].resource));
    let groups: Vec<Arc<str>> = jobs.iter().map(|job| bench.adapter().describe_group(job)).collect();
    assert!(groups.iter().all(|group| *group == groups[0]), "the bench starts alike jobs: {groups:?}");
    let key = watch_key(bench, &attempts[0], &jobs[0]);
    let states = bench.adapter().describe(&key, &jobs).await;
    let states = states.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(states, vec![JobState::Running; jobs.len()]);
}

async fn an_unknown_job_is_missing(bench: &dyn Bench) {
    let attempt = fresh(bench);
    let job = started(bench, &attempt).await.external_ref;
    let other = unknown_like(&job);
    assert_eq!(state(bench, &attempt, &other).await, JobState::Missing);
    let key = watch_key(bench, &attempt, &job);
    let states = bench.adapter().describe(&key, &[other.clone(), job]).await;
    let states = states.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(states, [JobState::Missing, JobState::Running], "in the order asked for");
    let cancelled = bench.adapter().cancel(&attempt, &other).await;
    assert_eq!(cancelled, Ok(()), "nothing is left to stop");
}

/// A job's id with its last digit changed (what follows a blank is the id's scope).
fn unknown_like(job: &ExternalRef) -> ExternalRef {
    let (id, scope) =
        job.as_str().split_once(' ').map_or((job.as_str(), None), |(id, scope)| (id, Some(scope)));
    let last = if id.ends_with('0') { '1' } else { '0' };
    let mut other: String = id.chars().take(id.chars().count().saturating_sub(1)).collect();
    other.push(last);
    if let Some(scope) = scope {
        other.push(' ');
        other.push_str(scope);
    }
    ExternalRef::new(other)
}

async fn a_cancel_stops_and_is_repeatable(bench: &dyn Bench) {
    let attempt = fresh(bench);
    let job = started(bench, &attempt).await.external_ref;
    for _ in 0..2 {
        assert_eq!(bench.adapter().cancel(&attempt, &job).await, Ok(()));
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while state(bench, &attempt, &job).await == JobState::Running {
        assert!(std::time::Instant::now() < deadline, "a cancelled job goes on");
        bench.pass_time();
    }
    let over = fresh(bench);
    let job = started(bench, &over).await.external_ref;
    bench.pass_time();
    assert_eq!(bench.adapter().cancel(&over, &job).await, Ok(()), "what is over counts as stopped");
}
