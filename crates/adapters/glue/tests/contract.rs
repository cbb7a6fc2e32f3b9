//! The adapter keeps the contract, and its results and errors are AWS's, over the fake AWS.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

#[path = "../../testing/fake_bench.rs"]
mod fake_bench;
#[path = "../../testing/fake_jobs.rs"]
mod fake_jobs;

use std::sync::Arc;

use async_trait::async_trait;
use fake_bench::{Bench, attempt, integrations, options};
use fake_jobs::{job_name, jobs};
use newel_aws_fake::{Service, Step};
use newel_worker::contract::{self, Ending, Fault};
use newel_worker::{
    Adapter, Attempt, ExternalRef, JobState, Optimized, Pattern, Reconciled, Submission, WatchKey,
};
use newel_worker_glue::Glue;

/// The bench with its adapter.
#[derive(Debug)]
struct Over {
    bench: Bench,
    adapter: Arc<Optimized<Glue>>,
}

#[async_trait]
impl contract::Bench for Over {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::<Optimized<Glue>>::clone(&self.adapter)
    }

    fn attempt(&self, pattern: Pattern, ending: Ending) -> Attempt {
        start_job_run(pattern, job_name(ending))
    }

    async fn effects(&self, attempt: &Attempt) -> usize {
        let token = &*attempt.submit_token;
        let marked = |request: &serde_json::Value| request["Arguments"]["--newel-attempt"] == token;
        jobs(&self.bench, |job| marked(&job.request)).len()
    }

    fn break_next_start(&self, fault: Fault) {
        self.bench.break_next_start(fault);
    }

    fn pass_time(&self) {
        self.bench.pass_time();
    }

    fn has_jobs(&self) -> bool {
        true
    }

    fn can_tell(&self) -> bool {
        true
    }
}

fn start_job_run(pattern: Pattern, name: &str) -> Attempt {
    attempt("glue:startJobRun", pattern, &format!(r#"{{"JobName":"{name}","Arguments":{{"--k":"v"}}}}"#))
}

async fn over() -> Over {
    let steps = |end: &str| vec![Step::new("RUNNING", 0.0), Step::new(end, 60.0)];
    let bench = fake_jobs::start(Service::Glue, "StartJobRun", steps("SUCCEEDED"), steps("FAILED")).await;
    let adapter = newel_worker_glue::adapter(&options(&bench.fake), integrations()).await.unwrap();
    Over { bench, adapter }
}

async fn start(over: &Over, name: &str) -> (Attempt, ExternalRef) {
    let attempt = start_job_run(Pattern::Job, name);
    match over.adapter.submit(&attempt).await {
        Submission::Started(started) => (attempt, started.external_ref),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_contract() {
    contract::check(&over().await).await;
}

#[tokio::test]
async fn a_result_is_the_run_without_the_marker() {
    let over = over().await;
    let (attempt, job) = start(&over, "good").await;
    over.bench.pass_time();
    let group = over.adapter.describe_group(&job);
    assert_eq!(&*group, "good");
    let key = WatchKey { identity: attempt.identity, resource: attempt.resource, group };
    let states = over.adapter.describe(&key, &[job]).await.unwrap();
    let JobState::Succeeded(output) = &states[0] else { panic!("{states:?}") };
    let output = output.value();
    assert_eq!(output.get("JobName").and_then(|v| v.as_str()), Some("good"));
    assert_eq!(output.get("JobRunState").and_then(|v| v.as_str()), Some("SUCCEEDED"));
    assert_eq!(output.get("Arguments").map(ToString::to_string).as_deref(), Some(r#"{"--k":"v"}"#));
}

#[tokio::test]
async fn more_runs_than_are_searched_prove_nothing() {
    let over = over().await;
    for _ in 0..4_001 {
        start(&over, "good").await;
    }
    let found = over.adapter.reconcile(&start_job_run(Pattern::Job, "good")).await;
    let Reconciled::Later { cause } = found else { panic!("{found:?}") };
    assert_eq!(cause, "too many jobs to search");
}

#[tokio::test]
async fn runs_of_one_job_are_looked_at_together() {
    let over = over().await;
    let mut jobs = Vec::new();
    let mut key = None;
    for _ in 0..5 {
        let (attempt, job) = start(&over, "good").await;
        let group = over.adapter.describe_group(&job);
        key = Some(WatchKey { identity: attempt.identity, resource: attempt.resource, group });
        jobs.push(job);
    }
    let states = over.adapter.describe(&key.unwrap(), &jobs).await.unwrap();
    assert_eq!(states, vec![JobState::Running; 5]);
    let calls = over.bench.fake.calls();
    let count = |name: &str| -> u64 { calls.iter().filter(|c| c.operation == name).map(|c| c.calls).sum() };
    assert_eq!((count("GetJobRuns"), count("GetJobRun")), (1, 0));
}
