//! The worker for AWS Batch: `batch:submitJob`, with and without `.sync`.
//!
//! SubmitJob takes no idempotency token, so a job carries its attempt's submit token as a tag, and a submission whose
//! answer was lost is looked for among the queue's jobs of that name.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_batch::Client;
use newel_integrations::{Integrations, JobRef, WireRequest};
use newel_value::{Object, Value};
use newel_worker::aws::{CallError, Caller};
use newel_worker::{CallResult, Calls, Found, NoTable, Optimized, Options, Repeat, Service, typed_call};

/// Pages of a listing that are searched: jobs of one name and queue, newest first.
const MAX_PAGES: usize = 20;
/// What a listing's page may hold.
const PAGE: i64 = 100;
/// How far the service's clock may be behind the orchestrator's.
const CLOCK_SKEW_MILLIS: u64 = 300_000;

/// AWS Batch through its SDK.
#[derive(Debug)]
pub struct Batch;

/// The family's name.
pub const FAMILY: &str = "batch";

/// The family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When the integrations have no table of the service.
pub async fn adapter(
    options: &Options,
    integrations: Integrations,
) -> Result<Arc<Optimized<Batch>>, NoTable> {
    Optimized::load(Batch, FAMILY, options, integrations).await.map(Arc::new)
}

#[async_trait]
impl Service for Batch {
    type Client = Client;

    fn client(&self, caller: &Caller) -> Client {
        Client::new(caller.config())
    }

    async fn send(&self, client: &Client, request: &WireRequest, repeat: Repeat) -> CallResult {
        match request.operation {
            "SubmitJob" => typed_call!(aws_sdk_batch, client.submit_job(), request, repeat),
            "DescribeJobs" => typed_call!(aws_sdk_batch, client.describe_jobs(), request, repeat),
            "ListJobs" => typed_call!(aws_sdk_batch, client.list_jobs(), request, repeat),
            "TerminateJob" => typed_call!(aws_sdk_batch, client.terminate_job(), request, repeat),
            other => Err(CallError::NotSent(format!("Batch has no operation {other} here"))),
        }
    }

    async fn find(
        calls: &Calls<'_, Self>,
        start: &WireRequest,
        token: &str,
    ) -> Result<Option<Found>, CallError> {
        let since = calls.scheduled_millis.saturating_sub(CLOCK_SKEW_MILLIS);
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let (page, _) = calls.get("ListJobs", listing(start, next.take())).await?;
            let jobs = candidates(&page, since);
            for request in calls.integration.describe(&jobs) {
                let (answer, http) = calls.get(request.operation, request.body.clone()).await?;
                let described = calls.integration.described(&request, &answer);
                let marked = |job: &&Value| calls.integration.is_job_of(token, job);
                if let Some(job) = described.into_iter().map(|(_, job)| job).find(marked) {
                    return Ok(Some((submitted(job), http)));
                }
            }
            next = page.get("nextToken").filter(|token| !token.is_null()).cloned();
            if next.is_none() || ends_before(&page, since) {
                return Ok(None);
            }
        }
        // The marked one may be further down: that there is none can't be said.
        Err(CallError::Unknown { answer: None, cause: "too many jobs to search".to_owned() })
    }
}

/// The jobs of the submission's name in its queue, in whatever status: a filter by name takes in all of them.
fn listing(start: &WireRequest, next: Option<Value>) -> Value {
    let member = |name: &str| start.body.get(name).cloned().unwrap_or_default();
    let name = member("jobName");
    let filter: Object =
        [("name", Value::from("JOB_NAME")), ("values", [name].into_iter().collect())].into_iter().collect();
    let mut body: Vec<(&str, Value)> = vec![
        ("jobQueue", member("jobQueue")),
        ("filters", [Value::from(filter)].into_iter().collect()),
        ("maxResults", PAGE.into()),
    ];
    body.extend(next.map(|token| ("nextToken", token)));
    body.into_iter().collect::<Object>().into()
}

fn summaries(page: &Value) -> &[Value] {
    page.get("jobSummaryList").and_then(Value::as_array).unwrap_or_default()
}

/// Whether a job is known to have been created before.
fn is_older(job: &Value, since_millis: u64) -> bool {
    let since = i64::try_from(since_millis).unwrap_or(i64::MAX);
    job.get("createdAt").and_then(Value::as_i64).is_some_and(|at| at < since)
}

/// The listed jobs that were created since.
fn candidates(page: &Value, since_millis: u64) -> Vec<JobRef> {
    let id = |job: &Value| Some(JobRef { id: job.get("jobId")?.as_str()?.into(), scope: None });
    summaries(page).iter().filter(|job| !is_older(job, since_millis)).filter_map(id).collect()
}

/// Whether what follows a page is older still: a filtered listing has the newest jobs first.
/// <https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html>
fn ends_before(page: &Value, since_millis: u64) -> bool {
    summaries(page).last().is_some_and(|job| is_older(job, since_millis))
}

/// What SubmitJob had answered.
fn submitted(job: &Value) -> Value {
    let member = |name| Some((name, job.get(name)?.clone()));
    ["jobArn", "jobName", "jobId"].into_iter().filter_map(member).collect::<Object>().into()
}
