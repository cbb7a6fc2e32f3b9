//! The worker for AWS Glue: `glue:startJobRun`, with and without `.sync`.
//!
//! StartJobRun takes no idempotency token, so a run carries its attempt's submit token as an argument, and a start whose
//! answer was lost is looked for among the job's runs.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use newel_integrations::{Integrations, WireRequest};
use newel_value::{Object, Value};
use newel_worker::aws::{CallError, Caller};
use newel_worker::{CallResult, Calls, Found, NoTable, Optimized, Options, Repeat, Service, typed_call};

/// Pages of a listing that are searched: runs of one job, newest first.
const MAX_PAGES: usize = 20;
/// What a listing's page may hold.
const PAGE: i64 = 200;
/// How far the service's clock may be behind the orchestrator's.
const CLOCK_SKEW_MILLIS: u64 = 300_000;

/// AWS Glue through its SDK.
#[derive(Debug)]
pub struct Glue;

/// The family's name.
pub const FAMILY: &str = "glue";

/// The family's adapter: what [`newel_worker::run`] takes.
///
/// # Errors
/// When the integrations have no table of the service.
pub async fn adapter(options: &Options, integrations: Integrations) -> Result<Arc<Optimized<Glue>>, NoTable> {
    Optimized::load(Glue, FAMILY, options, integrations).await.map(Arc::new)
}

#[async_trait]
impl Service for Glue {
    type Client = Client;

    fn client(&self, caller: &Caller) -> Client {
        Client::new(caller.config())
    }

    async fn send(&self, client: &Client, request: &WireRequest, repeat: Repeat) -> CallResult {
        match request.operation {
            "StartJobRun" => typed_call!(aws_sdk_glue, client.start_job_run(), request, repeat),
            "GetJobRun" => typed_call!(aws_sdk_glue, client.get_job_run(), request, repeat),
            "GetJobRuns" => typed_call!(aws_sdk_glue, client.get_job_runs(), request, repeat),
            "BatchStopJobRun" => typed_call!(aws_sdk_glue, client.batch_stop_job_run(), request, repeat),
            other => Err(CallError::NotSent(format!("Glue has no operation {other} here"))),
        }
    }

    async fn find(
        calls: &Calls<'_, Self>,
        start: &WireRequest,
        token: &str,
    ) -> Result<Option<Found>, CallError> {
        let since = calls.scheduled_millis.saturating_sub(CLOCK_SKEW_MILLIS) as f64 / 1e3;
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let (page, http) = calls.get("GetJobRuns", listing(start, next.take())).await?;
            let runs = page.get("JobRuns").and_then(Value::as_array).unwrap_or_default();
            let marked = |run: &&Value| calls.integration.is_job_of(token, run);
            if let Some(id) = runs.iter().find(marked).and_then(|run| run.get("Id")) {
                let answer: Object = [("JobRunId", id.clone())].into_iter().collect();
                return Ok(Some((answer.into(), http)));
            }
            let older =
                |run: &Value| run.get("StartedOn").and_then(Value::as_f64).is_some_and(|at| at < since);
            next = page.get("NextToken").filter(|token| !token.is_null()).cloned();
            if next.is_none() || runs.last().is_some_and(older) {
                return Ok(None);
            }
        }
        // The marked one may be further down: that there is none can't be said.
        Err(CallError::Unknown { answer: None, cause: "too many jobs to search".to_owned() })
    }
}

/// The runs of the started job.
fn listing(start: &WireRequest, next: Option<Value>) -> Value {
    let job = start.body.get("JobName").cloned().unwrap_or_default();
    let mut body = vec![("JobName", job), ("MaxResults", PAGE.into())];
    body.extend(next.map(|token| ("NextToken", token)));
    body.into_iter().collect::<Object>().into()
}
