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
use newel_worker::{
    Adapter, Attempt, JobState, Optimized, Options, Pattern, Reconciled, Submission, WatchKey,
};
use newel_worker_batch::Batch;

/// The bench with its adapter.
#[derive(Debug)]
struct Over {
    bench: Bench,
    adapter: Arc<Optimized<Batch>>,
}

#[async_trait]
impl contract::Bench for Over {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::<Optimized<Batch>>::clone(&self.adapter)
    }

    fn attempt(&self, pattern: Pattern, ending: Ending) -> Attempt {
        submit_job(pattern, job_name(ending))
    }

    async fn effects(&self, attempt: &Attempt) -> usize {
        let token = &*attempt.submit_token;
        let marked = |tag: Option<&serde_json::Value>| tag.and_then(|tag| tag.as_str()) == Some(token);
        jobs(&self.bench, |job| marked(job.tags.get("newel:attempt"))).len()
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

fn submit_job(pattern: Pattern, name: &str) -> Attempt {
    let parameters = format!(
        r#"{{"JobName":"{name}","JobQueue":"queue","JobDefinition":"definition","Parameters":{{"k":"v"}}}}"#
    );
    attempt("batch:submitJob", pattern, &parameters)
}

async fn over_with(change: fn(&mut Options)) -> Over {
    let steps = |end: &str| vec![Step::new("RUNNING", 0.0), Step::new(end, 60.0)];
    let bench = fake_jobs::start(Service::Batch, "SubmitJob", steps("SUCCEEDED"), steps("FAILED")).await;
    let mut options = options(&bench.fake);
    change(&mut options);
    let adapter = newel_worker_batch::adapter(&options, integrations()).await.unwrap();
    Over { bench, adapter }
}

async fn over() -> Over {
    over_with(|_| {}).await
}

#[tokio::test]
async fn the_contract() {
    contract::check(&over().await).await;
}

#[tokio::test]
async fn request_response_gives_the_answer_with_metadata() {
    let over = over().await;
    let submission = over.adapter.submit(&submit_job(Pattern::RequestResponse, "good")).await;
    let Submission::Finished(output) = submission else { panic!("{submission:?}") };
    let output = output.value();
    assert_eq!(output.get("JobName").and_then(|v| v.as_str()), Some("good"));
    assert!(output.pointer("/JobId").is_some() && output.pointer("/JobArn").is_some(), "{output}");
    assert_eq!(output.pointer("/SdkHttpMetadata/HttpStatusCode").and_then(|v| v.as_i64()), Some(200));
    assert!(output.pointer("/SdkResponseMetadata/RequestId").is_some(), "{output}");
}

#[tokio::test]
async fn a_refusal_is_named_as_the_java_sdk_names_it() {
    let over = over().await;
    let select = Selector { service: Some(Service::Batch), ..Selector::default() };
    let mut fault = FaultRule::new(select, FaultKind::Error).times(1);
    fault.code = Some("ClientException".to_owned());
    fault.message = Some("no such queue".to_owned());
    fault.status = Some(400);
    over.bench.fake.add_faults(vec![fault]).unwrap();
    let submission = over.adapter.submit(&submit_job(Pattern::Job, "good")).await;
    let Submission::Failed(failure) = submission else { panic!("{submission:?}") };
    assert_eq!(failure.error, "Batch.ClientException");
    let expected =
        "no such queue (Service: AWSBatch; Status Code: 400; Error Code: ClientException; Request ID: ";
    assert!(failure.cause.starts_with(expected), "{}", failure.cause);
}

#[tokio::test]
async fn a_hundred_jobs_take_one_call() {
    let over = over().await;
    let mut jobs = Vec::new();
    let attempt = submit_job(Pattern::Job, "good");
    for _ in 0..100 {
        let submission = over.adapter.submit(&submit_job(Pattern::Job, "good")).await;
        let Submission::Started(started) = submission else { panic!("{submission:?}") };
        jobs.push(started.external_ref);
    }
    let key = WatchKey {
        identity: attempt.identity.clone(),
        resource: Arc::clone(&attempt.resource),
        group: "".into(),
    };
    let states = over.adapter.describe(&key, &jobs).await.unwrap();
    assert_eq!(states, vec![JobState::Running; 100]);
    let described: u64 =
        over.bench.fake.calls().iter().filter(|c| c.operation == "DescribeJobs").map(|c| c.calls).sum();
    assert_eq!(described, 1);
}

#[tokio::test]
async fn an_old_job_of_the_same_name_is_not_adopted() {
    let over = over().await;
    let first = submit_job(Pattern::Job, "good");
    over.adapter.submit(&first).await;
    let second = submit_job(Pattern::Job, "good");
    let found = over.adapter.reconcile(&second).await;
    assert!(matches!(found, Reconciled::NotStarted), "{found:?}");
    let found = over.adapter.reconcile(&first).await;
    assert!(matches!(found, Reconciled::Adopted(_)), "{found:?}");
}

#[tokio::test]
async fn more_jobs_than_are_searched_prove_nothing_unless_they_are_older() {
    let over = over().await;
    for _ in 0..2_001 {
        over.adapter.submit(&submit_job(Pattern::Job, "good")).await;
    }
    let mut attempt = submit_job(Pattern::Job, "good");
    let found = over.adapter.reconcile(&attempt).await;
    let Reconciled::Later { cause } = found else { panic!("{found:?}") };
    assert_eq!(cause, "too many jobs to search");

    let listings = || -> u64 {
        over.bench.fake.calls().iter().filter(|c| c.operation == "ListJobs").map(|c| c.calls).sum()
    };
    let before = listings();
    attempt.scheduled_at += std::time::Duration::from_secs(3600);
    let found = over.adapter.reconcile(&attempt).await;
    assert!(matches!(found, Reconciled::NotStarted), "{found:?}");
    assert_eq!(listings() - before, 1, "what follows an older job isn't read");
}

#[tokio::test]
async fn a_job_that_no_listing_shows_is_not_stopped_until_the_service_says_so() {
    let over = over().await;
    let attempt = submit_job(Pattern::Job, "good");
    let unknown = newel_worker::ExternalRef::new("00000000-0000-4000-8000-000000000000");
    let select = Selector { operation: Some("TerminateJob".to_owned()), ..Selector::default() };
    over.bench.fake.add_faults(vec![FaultRule::new(select, FaultKind::Throttle)]).unwrap();
    let cancelled = over.adapter.cancel(&attempt, &unknown).await;
    assert_eq!(cancelled, Err(newel_worker::CallFailure::Throttled));
}

#[tokio::test]
async fn trouble_of_the_token_service_says_nothing_about_a_role() {
    for kind in [FaultKind::Throttle, FaultKind::ServerError, FaultKind::Reset] {
        let over = over_with(|options| options.aws.assume_role = newel_worker::AssumeRole::Always).await;
        let select = Selector { service: Some(Service::Sts), ..Selector::default() };
        over.bench.fake.add_faults(vec![FaultRule::new(select, kind)]).unwrap();
        let attempt = submit_job(Pattern::Job, "good");
        let found = over.adapter.reconcile(&attempt).await;
        assert!(matches!(found, Reconciled::Later { .. }), "{kind:?}: {found:?}");
        let submission = over.adapter.submit(&attempt).await;
        let Submission::Failed(failure) = submission else { panic!("{kind:?}: {submission:?}") };
        assert_eq!(failure.error, "Batch.SdkClientException", "{kind:?}");
    }
}

#[tokio::test]
async fn without_markers_or_the_right_to_list_it_can_not_be_told() {
    let over = over_with(|options| options.markers = false).await;
    let attempt = submit_job(Pattern::Job, "good");
    over.adapter.submit(&attempt).await;
    assert!(jobs(&over.bench, |job| !job.tags.is_empty()).is_empty(), "no tag is set");
    let found = over.adapter.reconcile(&attempt).await;
    assert!(matches!(found, Reconciled::Unknown { .. }), "{found:?}");

    let over = self::over().await;
    let select = Selector { operation: Some("ListJobs".to_owned()), ..Selector::default() };
    over.bench.fake.add_faults(vec![FaultRule::new(select, FaultKind::Denied)]).unwrap();
    let found = over.adapter.reconcile(&attempt).await;
    assert!(matches!(found, Reconciled::Unknown { .. }), "{found:?}");
}

#[tokio::test]
async fn calls_are_made_under_the_roles_of_the_task() {
    let over = over_with(|options| options.aws.assume_role = newel_worker::AssumeRole::Always).await;
    let mut attempt = submit_job(Pattern::Job, "good");
    over.adapter.submit(&attempt).await;
    attempt.identity.task_role = Some("arn:aws:iam::210987654321:role/task".into());
    over.adapter.submit(&attempt).await;
    let started = jobs(&over.bench, |_| true);
    let callers: Vec<(&str, &str)> = started.iter().map(|job| (&*job.account, &*job.role)).collect();
    assert_eq!(
        callers,
        [
            ("123456789012", "arn:aws:iam::123456789012:role/machine"),
            ("210987654321", "arn:aws:iam::210987654321:role/task"),
        ]
    );
}

#[tokio::test]
async fn a_role_that_can_not_be_assumed_fails_the_task_as_aws_does() {
    let over = over_with(|options| options.aws.assume_role = newel_worker::AssumeRole::Always).await;
    let select = Selector {
        service: Some(Service::Sts),
        name: Some("arn:aws:iam::210987654321:role/task".to_owned()),
        ..Selector::default()
    };
    over.bench.fake.add_faults(vec![FaultRule::new(select, FaultKind::Denied)]).unwrap();
    let mut attempt = submit_job(Pattern::Job, "good");
    attempt.identity.task_role = Some("arn:aws:iam::210987654321:role/task".into());
    let submission = over.adapter.submit(&attempt).await;
    let Submission::Failed(failure) = submission else { panic!("{submission:?}") };
    assert_eq!(failure.error, "States.TaskFailed");
    assert_eq!(
        failure.cause,
        "The role arn:aws:iam::123456789012:role/machine is not authorized to assume the task state's role, \
         arn:aws:iam::210987654321:role/task."
    );
    assert!(jobs(&over.bench, |_| true).is_empty());
}
