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
use newel_aws_fake::{FaultKind, FaultRule, Selector, Service, Step};
use newel_worker::contract::{self, Ending, Fault};
use newel_worker::{Adapter, Attempt, JobState, Optimized, Pattern, Submission, WatchKey};
use newel_worker_ecs::Ecs;
use serde_json::json;

/// The bench with its adapter.
#[derive(Debug)]
struct Over {
    bench: Bench,
    adapter: Arc<Optimized<Ecs>>,
}

#[async_trait]
impl contract::Bench for Over {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::<Optimized<Ecs>>::clone(&self.adapter)
    }

    fn attempt(&self, pattern: Pattern, ending: Ending) -> Attempt {
        run_task(pattern, job_name(ending))
    }

    async fn effects(&self, attempt: &Attempt) -> usize {
        jobs(&self.bench, |job| job.token.as_deref() == Some(&*attempt.submit_token)).len()
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

fn run_task(pattern: Pattern, definition: &str) -> Attempt {
    let parameters =
        format!(r#"{{"Cluster":"main","TaskDefinition":"{definition}","LaunchType":"FARGATE"}}"#);
    attempt("ecs:runTask", pattern, &parameters)
}

async fn over() -> Over {
    let exit = |code: i64| {
        let stopped = Step::new("STOPPED", 60.0).with("containers", json!([{"exitCode": code}]));
        vec![Step::new("RUNNING", 0.0), stopped]
    };
    let bench = fake_jobs::start(Service::Ecs, "RunTask", exit(0), exit(1)).await;
    let adapter = newel_worker_ecs::adapter(&options(&bench.fake), integrations()).await.unwrap();
    Over { bench, adapter }
}

/// What RunTask answers next, instead of starting anything.
fn answer_next(over: &Over, body: serde_json::Value) {
    let select = Selector { operation: Some("RunTask".to_owned()), ..Selector::default() };
    let mut rule = FaultRule::new(select, FaultKind::Answer).times(1);
    rule.body = Some(body);
    over.bench.fake.add_faults(vec![rule]).unwrap();
}

#[tokio::test]
async fn the_contract() {
    contract::check(&over().await).await;
}

#[tokio::test]
async fn failures_fail_a_job_and_not_a_request() {
    let over = over().await;
    let failures = json!({"tasks": [], "failures": [{"arn": "a", "reason": "RESOURCE:CPU"}]});
    for (pattern, fails) in
        [(Pattern::RequestResponse, false), (Pattern::Job, true), (Pattern::Callback, true)]
    {
        answer_next(&over, failures.clone());
        match (over.adapter.submit(&run_task(pattern, "good")).await, fails) {
            (Submission::Failed(failure), true) => {
                assert_eq!(failure.error, "AmazonECS.Unknown");
                assert!(failure.cause.contains("RESOURCE:CPU"), "{}", failure.cause);
            }
            (Submission::Finished(output), false) => assert!(output.text().contains("RESOURCE:CPU")),
            (other, _) => panic!("{pattern:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_callback_is_started_and_named_for_its_cancel() {
    let over = over().await;
    let attempt = run_task(Pattern::Callback, "good");
    let submission = over.adapter.submit(&attempt).await;
    let Submission::Started(started) = submission else { panic!("{submission:?}") };
    assert_eq!(over.adapter.cancel(&attempt, &started.external_ref).await, Ok(()));
    assert_eq!(jobs(&over.bench, |job| job.stop_reason.is_some()).len(), 1);
}

#[tokio::test]
async fn the_result_is_the_task_itself() {
    let over = over().await;
    let attempt = run_task(Pattern::Job, "good");
    let submission = over.adapter.submit(&attempt).await;
    let Submission::Started(started) = submission else { panic!("{submission:?}") };
    assert!(started.output.value().get("Tasks").is_some(), "the start's answer is wrapped");
    over.bench.pass_time();
    let group = over.adapter.describe_group(&started.external_ref);
    let key = WatchKey { identity: attempt.identity, resource: attempt.resource, group };
    let states = over.adapter.describe(&key, &[started.external_ref]).await.unwrap();
    let JobState::Succeeded(output) = &states[0] else { panic!("{states:?}") };
    assert_eq!(output.value().get("LastStatus").and_then(|v| v.as_str()), Some("STOPPED"));
    assert!(output.value().get("SdkHttpMetadata").is_none());
}
