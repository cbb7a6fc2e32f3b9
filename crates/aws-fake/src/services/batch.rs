//! AWS Batch: SubmitJob, DescribeJobs, ListJobs, TerminateJob, CancelJob and tags.
//!
//! Any queue and job definition is accepted; one that should be missing is a fault rule's matter.

use serde_json::{Map, Value, json};

use crate::jobs::{Job, JobStore, NewJob, Space};
use crate::scripts::lay_members_over;
use crate::services::call::{Call, copy_members, members};
use crate::services::{CommonErrors, Life, Operation, Outcome, Service, ServiceModel};
use crate::wire::{Failure, Protocol};

pub(super) static MODEL: ServiceModel = ServiceModel {
    service: Service::Batch,
    signing_name: "batch",
    protocol: Protocol::RestJson,
    target_prefix: "",
    operations: &[
        Operation { name: "SubmitJob", address: "POST /v1/submitjob", items: None, run: submit_job },
        Operation {
            name: "DescribeJobs",
            address: "POST /v1/describejobs",
            items: Some("jobs"),
            run: describe_jobs,
        },
        Operation { name: "ListJobs", address: "POST /v1/listjobs", items: None, run: list_jobs },
        Operation { name: "TerminateJob", address: "POST /v1/terminatejob", items: None, run: terminate_job },
        Operation { name: "CancelJob", address: "POST /v1/canceljob", items: None, run: cancel_job },
        Operation { name: "ListTagsForResource", address: "GET /v1/tags/*", items: None, run: list_tags },
        Operation { name: "TagResource", address: "POST /v1/tags/*", items: None, run: tag_resource },
    ],
    life: Some(Life {
        run: &[
            ("SUBMITTED", 0.0),
            ("RUNNABLE", 0.1),
            ("STARTING", 0.2),
            ("RUNNING", 0.2),
            ("SUCCEEDED", 0.5),
        ],
        stop: &[("FAILED", 0.0)],
        terminal: TERMINAL,
        id: job_id,
    }),
    selected_by: ["jobName", "jobQueue", "jobDefinition"],
    errors: CommonErrors {
        throttled: (429, "TooManyRequestsException", "Too Many Requests"),
        internal: (500, "ServerException", "Internal server error"),
        denied: (403, "AccessDeniedException", "User is not authorized to perform this operation"),
        invalid: "ClientException",
    },
};

const TERMINAL: &[&str] = &["SUCCEEDED", "FAILED"];
/// The statuses in which CancelJob has an effect.
const CANCELLABLE: &[&str] = &["SUBMITTED", "PENDING", "RUNNABLE"];
const MAX_DESCRIBED: usize = 100;
const MAX_LISTED: usize = 100;
const MAX_TAGS: usize = 50;
const MAX_ARRAY: u64 = 10_000;
const SUMMARY_MEMBERS: &[&str] = &[
    "jobArn",
    "jobId",
    "jobName",
    "createdAt",
    "shareIdentifier",
    "status",
    "statusReason",
    "startedAt",
    "stoppedAt",
    "arrayProperties",
    "jobDefinition",
    "isCancelled",
    "isTerminated",
];

/// A UUID made of a job's 32 digits.
fn job_id(digits: &str) -> String {
    let [a, b, c, d, e] =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The ARN of a queue, definition or job given by ARN or name.
fn arn(space: &Space, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:aws:batch:{}:{}:{kind}/{name}", space.region, space.account)
}

fn definition_arn(space: &Space, name: &str) -> String {
    let arn = arn(space, "job-definition", name);
    // A name without a revision means the newest; here there is one.
    if arn.rsplit('/').next().is_some_and(|name| name.contains(':')) { arn } else { format!("{arn}:1") }
}

fn submit_job(call: &Call<'_>) -> Outcome {
    let name = call.required("jobName")?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.len() > 128
        || !name.bytes().all(allowed)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(call.invalid("Job name should match valid pattern"));
    }
    let queue = arn(call.space(), "job-queue", call.required("jobQueue")?);
    call.required("jobDefinition")?;
    let array_size = call.input.pointer("/arrayProperties/size").map(|size| size.as_u64().unwrap_or(0));
    if array_size.is_some_and(|size| !(2..=MAX_ARRAY).contains(&size)) {
        return Err(call.invalid(format!("Array job size must be between 2 and {MAX_ARRAY}")));
    }
    let life = call.new_life(1, "ClientException")?;
    let mut store = call.space().batch.lock();
    let number = store.insert(NewJob {
        name,
        group: &queue,
        started_by: None,
        request: call.body.into(),
        created_ms: call.now_ms,
        life,
        caller: call.caller,
        repeats: 0,
    });
    let id = job_id(&store.digits(number));
    Ok(json!({"jobArn": arn(call.space(), "job", &id), "jobId": id, "jobName": name}))
}

fn describe_jobs(call: &Call<'_>) -> Outcome {
    let ids = call.texts("jobs");
    if ids.is_empty() || ids.len() > MAX_DESCRIBED {
        return Err(call.invalid(format!("jobs must have 1 to {MAX_DESCRIBED} elements, not {}", ids.len())));
    }
    let store = call.space().batch.lock();
    // An unknown job is left out of the answer, as on AWS.
    let found = ids.iter().filter_map(|id| store.find(id.rsplit('/').next()?, job_id));
    let jobs: Vec<Value> =
        found.filter_map(|number| detail(call, &store, number).map(Value::Object)).collect();
    Ok(json!({"jobs": jobs}))
}

/// The whole JobDetail of a job, what its script lays over included.
fn detail(call: &Call<'_>, store: &JobStore, number: u32) -> Option<Map<String, Value>> {
    let (job, space, now) = (store.get(number)?, call.space(), call.now_ms);
    let request = job.request_json();
    let text = |member: &str| request.get(member).and_then(Value::as_str).unwrap_or_default();
    let id = job_id(&store.digits(number));
    let status = job.status(now);
    let started = job.entered_status("RUNNING", now);
    let ended = job.ended(TERMINAL, now);
    let definition = definition_arn(space, text("jobDefinition"));
    let mut detail = members(json!({
        "jobArn": arn(space, "job", &id),
        "jobId": id,
        "jobName": &*job.name,
        "jobQueue": &*job.group,
        "jobDefinition": definition,
        "status": status,
        "createdAt": job.created_ms,
        "dependsOn": [],
        "parameters": {},
        "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
        "propagateTags": false,
        "platformCapabilities": ["FARGATE"],
        "tags": tags(job, &request),
        "container": container(store, number, &request, &definition, started.is_some()),
        "isCancelled": job.stop.as_ref().is_some_and(|stop| stop.cancelled),
        "isTerminated": job.stop.as_ref().is_some_and(|stop| !stop.cancelled),
    }));
    copy_members(
        &mut detail,
        &request,
        &["dependsOn", "parameters", "retryStrategy", "timeout", "propagateTags", "shareIdentifier"],
    );
    if let Some(size) = request.get("arrayProperties").and_then(|array| array.get("size")) {
        detail.insert("arrayProperties".to_owned(), json!({"size": size, "statusSummary": {status: size}}));
    }
    if let Some(at) = started {
        detail.insert("startedAt".to_owned(), json!(at));
    }
    if let Some(at) = ended {
        detail.insert("stoppedAt".to_owned(), json!(at));
        finish(&mut detail, job, status, started.is_some());
    }
    for (_, phase) in job.entered(now) {
        lay_members_over(&mut detail, &phase.with);
    }
    if !detail.contains_key("attempts") {
        let attempts = attempts(&detail, started, ended);
        detail.insert("attempts".to_owned(), attempts);
    }
    Some(detail)
}

fn tags(job: &Job, request: &Map<String, Value>) -> Map<String, Value> {
    let mut tags = request.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(added) = &job.added_tags {
        lay_members_over(&mut tags, added);
    }
    tags
}

/// The container of a job: what any definition would give, with the job's overrides.
fn container(
    store: &JobStore,
    number: u32,
    request: &Map<String, Value>,
    definition: &str,
    started: bool,
) -> Map<String, Value> {
    let mut container = members(json!({
        "image": "public.ecr.aws/docker/library/busybox:latest",
        "command": [],
        "volumes": [],
        "environment": [],
        "mountPoints": [],
        "ulimits": [],
        "networkInterfaces": [],
        "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
        "secrets": [],
    }));
    if let Some(overrides) = request.get("containerOverrides").and_then(Value::as_object) {
        let overridable =
            ["command", "environment", "resourceRequirements", "vcpus", "memory", "instanceType"];
        copy_members(&mut container, overrides, &overridable);
    }
    if started {
        let task = store.digits(number);
        let family =
            definition.rsplit('/').next().and_then(|name| name.split(':').next()).unwrap_or_default();
        container.insert("logStreamName".to_owned(), json!(format!("{family}/default/{task}")));
    }
    container
}

/// Status reason and exit code of an ended job, before its script has its say.
fn finish(detail: &mut Map<String, Value>, job: &Job, status: &str, started: bool) {
    let (reason, exit_code) = match (&job.stop, status) {
        (Some(stop), _) => (&*stop.reason, 137),
        (None, "SUCCEEDED") => ("Essential container in task exited", 0),
        (None, _) => ("Essential container in task exited", 1),
    };
    detail.insert("statusReason".to_owned(), json!(reason));
    if let Some(Value::Object(container)) = detail.get_mut("container").filter(|_| started) {
        container.insert("exitCode".to_owned(), json!(exit_code));
    }
}

/// One attempt for a job that ran, in agreement with its container.
fn attempts(detail: &Map<String, Value>, started: Option<u64>, ended: Option<u64>) -> Value {
    let (Some(started), Some(ended)) = (started, ended) else { return json!([]) };
    let mut container = members(json!({"networkInterfaces": []}));
    if let Some(Value::Object(whole)) = detail.get("container") {
        copy_members(
            &mut container,
            whole,
            &["exitCode", "reason", "logStreamName", "taskArn", "containerInstanceArn"],
        );
    }
    let reason = detail.get("statusReason").cloned().unwrap_or_default();
    json!([{"container": container, "startedAt": started, "stoppedAt": ended, "statusReason": reason}])
}

fn list_jobs(call: &Call<'_>) -> Outcome {
    let Some(queue) = call.text("jobQueue") else {
        return Err(
            call.invalid("jobQueue is required: this fake has no children of array and multi-node jobs")
        );
    };
    let queue = arn(call.space(), "job-queue", queue);
    let filter = Filter::of(call)?;
    let listed_until = call.world.listed_until(call.now_ms);
    let store = call.space().batch.lock();
    let before = match call.text("nextToken") {
        Some(token) => Some(store.find(token, job_id).ok_or_else(|| call.invalid("Invalid nextToken"))?),
        None => None,
    };
    // A search for one exact name costs what it finds, however long the queue.
    let candidates: Box<dyn Iterator<Item = (u32, &Job)>> = match &filter {
        Filter::Name(name) if !name.ends_with('*') => Box::new(
            store.of_name(name).filter(|(at, job)| *job.group == *queue && before.is_none_or(|b| *at < b)),
        ),
        _ => Box::new(store.of_group(&queue, before)),
    };
    let listed = |job: &Job| job.created_ms <= listed_until && filter.keeps(job, call.now_ms);
    let mut found = candidates.filter(|(_, job)| listed(job)).map(|(number, _)| number).peekable();
    let page: Vec<u32> = found.by_ref().take(call.page_size("maxResults", MAX_LISTED)).collect();
    let mut answer = Map::new();
    if let (Some(last), true) = (page.last(), found.peek().is_some()) {
        answer.insert("nextToken".to_owned(), json!(job_id(&store.digits(*last))));
    }
    let summaries = page.into_iter().filter_map(|number| summary(call, &store, number));
    answer.insert("jobSummaryList".to_owned(), summaries.map(Value::Object).collect());
    Ok(Value::Object(answer))
}

fn summary(call: &Call<'_>, store: &JobStore, number: u32) -> Option<Map<String, Value>> {
    let detail = detail(call, store, number)?;
    let mut summary = Map::new();
    copy_members(&mut summary, &detail, SUMMARY_MEMBERS);
    let mut container = Map::new();
    if let Some(Value::Object(whole)) = detail.get("container") {
        copy_members(&mut container, whole, &["exitCode", "reason"]);
    }
    summary.insert("container".to_owned(), Value::Object(container));
    Some(summary)
}

/// What ListJobs keeps: one status, or one filter, which takes the place of the status.
enum Filter {
    Status(String),
    Name(String),
    Definition(String),
    CreatedBefore(u64),
    CreatedAfter(u64),
    Share(String),
}

impl Filter {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let filters = call.input.get("filters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let filter = match filters {
            [] => return Ok(Self::Status(call.text("jobStatus").unwrap_or("RUNNING").to_owned())),
            [filter] => filter,
            _ => return Err(call.invalid("ListJobs takes one filter at a time")),
        };
        let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
        let value = filter.pointer("/values/0").and_then(Value::as_str).unwrap_or_default().to_owned();
        let moment =
            || value.parse().map_err(|_| call.invalid(format!("not a time in milliseconds: {value}")));
        match name {
            "JOB_NAME" => Ok(Self::Name(value)),
            "JOB_DEFINITION" => Ok(Self::Definition(value)),
            "BEFORE_CREATED_AT" => Ok(Self::CreatedBefore(moment()?)),
            "AFTER_CREATED_AT" => Ok(Self::CreatedAfter(moment()?)),
            "SHARE_IDENTIFIER" => Ok(Self::Share(value)),
            _ => Err(call.invalid(format!("unknown filter: {name}"))),
        }
    }

    fn keeps(&self, job: &Job, now_ms: u64) -> bool {
        match self {
            Self::Status(status) => job.status(now_ms) == status,
            Self::Name(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => {
                    job.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
                }
                None => job.name.eq_ignore_ascii_case(pattern),
            },
            Self::Definition(wanted) => {
                let request = job.request_json();
                let given = request.get("jobDefinition").and_then(Value::as_str).unwrap_or_default();
                let name = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
                let (wanted, given) = (name(wanted), name(given));
                given == wanted || given.split(':').next() == Some(&wanted)
            }
            Self::CreatedBefore(at) => job.created_ms < *at,
            Self::CreatedAfter(at) => job.created_ms > *at,
            Self::Share(wanted) => {
                job.request_json().get("shareIdentifier").and_then(Value::as_str) == Some(wanted)
            }
        }
    }
}

fn terminate_job(call: &Call<'_>) -> Outcome {
    let reason = call.required("reason")?;
    change(call, call.required("jobId")?, |job| {
        job.stop(TERMINAL, call.now_ms, reason, false);
        Ok(())
    })
}

fn cancel_job(call: &Call<'_>) -> Outcome {
    let reason = call.required("reason")?;
    change(call, call.required("jobId")?, |job| {
        if CANCELLABLE.contains(&job.status(call.now_ms)) {
            job.stop(TERMINAL, call.now_ms, reason, true);
        }
        Ok(())
    })
}

fn tag_resource(call: &Call<'_>) -> Outcome {
    let Some(Value::Object(tags)) = call.input.get("tags") else {
        return Err(call.invalid("tags is required"));
    };
    change(call, call.required("resourceArn")?, |job| {
        let mut added = job.added_tags.as_deref().cloned().unwrap_or_default();
        lay_members_over(&mut added, tags);
        if added.len() > MAX_TAGS {
            return Err(call.invalid(format!("a resource has at most {MAX_TAGS} tags")));
        }
        job.added_tags = Some(Box::new(added));
        Ok(())
    })
}

fn list_tags(call: &Call<'_>) -> Outcome {
    let store = call.space().batch.lock();
    let id = call.required("resourceArn")?.rsplit('/').next().unwrap_or_default();
    let job =
        store.find(id, job_id).and_then(|number| store.get(number)).ok_or_else(|| no_such_job(call, id))?;
    Ok(json!({"tags": tags(job, &job.request_json())}))
}

/// Applies `change` to the job with this id or ARN.
fn change(call: &Call<'_>, id: &str, change: impl FnOnce(&mut Job) -> Result<(), Failure>) -> Outcome {
    let id = id.rsplit('/').next().unwrap_or_default();
    let mut store = call.space().batch.lock();
    let found = store.find(id, job_id).and_then(|number| store.get_mut(number));
    change(found.ok_or_else(|| no_such_job(call, id))?)?;
    Ok(json!({}))
}

fn no_such_job(call: &Call<'_>, id: &str) -> Failure {
    call.invalid(format!("Job not found: {id}"))
}
