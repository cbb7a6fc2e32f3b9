//! An adapter that does what a test says.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use newel_value::Payload;
use newel_worker::{
    Adapter, Attempt, CallFailure, Exchange, ExternalRef, JobState, Reconciled, Started, Submission,
    TracedRequest, WatchKey,
};

/// What the adapter did and is to do.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) submits: usize,
    pub(crate) described: HashSet<String>,
    pub(crate) reconciles: usize,
    cancels: Vec<String>,
    next: VecDeque<Submission>,
    looks: VecDeque<Reconciled>,
    finished: HashMap<String, Payload>,
    refuse_cancels: usize,
    echo: bool,
    held: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Scripted {
    state: Mutex<State>,
}

/// A job of that id.
pub(crate) fn started(job: &str) -> Started {
    Started { external_ref: ExternalRef::new(job), output: Payload::from_checked_text("{}") }
}

/// An exchange with a secret, or without.
fn exchange(secret: bool) -> Exchange {
    let request = TracedRequest {
        protocol: "https".into(),
        method: "GET".into(),
        url: if secret { "https://api.test/?key=secret" } else { "https://api.test/" }.into(),
        headers: "[]".into(),
        body: String::new(),
    };
    Exchange { request, response: None }
}

impl Scripted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits until what it did is as expected.
    pub(crate) async fn until(&self, expected: impl Fn(&State) -> bool) {
        let wait = async {
            while !expected(&self.state()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
        assert!(waited.is_ok(), "not reached: {:?}", self.state());
    }

    pub(crate) fn submits(&self) -> usize {
        self.state().submits
    }

    pub(crate) fn reconciles(&self) -> usize {
        self.state().reconciles
    }

    pub(crate) fn watched(&self) -> usize {
        self.state().described.len()
    }

    pub(crate) fn cancels(&self) -> Vec<String> {
        self.state().cancels.clone()
    }

    /// What the next submit comes to, instead of a job.
    pub(crate) fn next(&self, submission: Submission) {
        self.state().next.push_back(submission);
    }

    /// What the next look comes to.
    pub(crate) fn next_look(&self, reconciled: Reconciled) {
        self.state().looks.push_back(reconciled);
    }

    pub(crate) fn finish(&self, job: &str, output: &str) {
        self.state().finished.insert(job.to_owned(), Payload::from_checked_text(output));
    }

    pub(crate) fn refuse_cancels(&self, times: usize) {
        self.state().refuse_cancels = times;
    }

    /// Submits answer with their parameters.
    pub(crate) fn echo(&self) {
        self.state().echo = true;
    }

    /// Submits wait until they are released.
    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    pub(crate) fn release(&self) {
        self.state().held = false;
    }
}

#[async_trait]
impl Adapter for Scripted {
    fn family(&self) -> &'static str {
        "scripted"
    }

    fn resources(&self) -> Vec<String> {
        vec!["states:::scripted:".to_owned()]
    }

    fn error_prefix(&self) -> &'static str {
        "Scripted"
    }

    fn describe_limit(&self, _: &str) -> usize {
        10
    }

    async fn submit(&self, attempt: &Attempt) -> Submission {
        self.state().submits += 1;
        if let Some(trace) = &attempt.http_trace {
            trace.note(exchange(trace.reveals_secrets()));
        }
        while self.state().held {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut state = self.state();
        if let Some(next) = state.next.pop_front() {
            return next;
        }
        match &attempt.parameters {
            Some(parameters) if state.echo => Submission::Finished(parameters.clone()),
            _ => Submission::Started(started(&format!("job-{}", attempt.task.entry))),
        }
    }

    async fn reconcile(&self, _attempt: &Attempt) -> Reconciled {
        let mut state = self.state();
        state.reconciles += 1;
        state.looks.pop_front().unwrap_or(Reconciled::NotStarted)
    }

    async fn describe(&self, _watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure> {
        let mut state = self.state();
        let mut states = Vec::new();
        for job in jobs {
            state.described.insert(job.to_string());
            states.push(match state.finished.get(job.as_str()) {
                Some(output) => JobState::Succeeded(output.clone()),
                None => JobState::Running,
            });
        }
        Ok(states)
    }

    async fn cancel(&self, _attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure> {
        let mut state = self.state();
        state.cancels.push(job.to_string());
        if state.refuse_cancels > 0 {
            state.refuse_cancels -= 1;
            return Err(CallFailure::Transient("not now".to_owned()));
        }
        Ok(())
    }
}
