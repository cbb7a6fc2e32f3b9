//! AWS Glue: StartJobRun, GetJobRun, GetJobRuns and BatchStopJobRun.
//!
//! Any job is accepted; one that should be missing, or should run into its limit of concurrent runs
//! (`ConcurrentRunsExceededException`), is a fault rule's matter.

use serde_json::{Map, Value, json};

use crate::clock::seconds;
use crate::jobs::{Job, JobStore, NewJob};
use crate::scripts::lay_members_over;
use crate::services::call::{Call, copy_members, members};
use crate::services::{CommonErrors, Life, Operation, Outcome, Service, ServiceModel};
use crate::wire::{Failure, Protocol};

pub(super) static MODEL: ServiceModel = ServiceModel {
    service: Service::Glue,
    signing_name: "glue",
    protocol: Protocol::AwsJson { version: "1.1", namespace: "", message_member: "Message" },
    target_prefix: "AWSGlue",
    operations: &[
        Operation { name: "StartJobRun", address: "", items: None, run: start_job_run },
        Operation { name: "GetJobRun", address: "", items: None, run: get_job_run },
        Operation { name: "GetJobRuns", address: "", items: None, run: get_job_runs },
        Operation { name: "BatchStopJobRun", address: "", items: Some("JobRunIds"), run: batch_stop_job_run },
    ],
    life: Some(Life {
        run: &[("STARTING", 0.0), ("RUNNING", 0.3), ("SUCCEEDED", 0.6)],
        stop: &[("STOPPING", 0.0), ("STOPPED", 0.2)],
        terminal: TERMINAL,
        id: run_id,
    }),
    selected_by: ["JobName", "JobName", "JobName"],
    errors: CommonErrors {
        throttled: (400, "ThrottlingException", "Rate exceeded"),
        internal: (500, "InternalServiceException", "Internal service error"),
        denied: (400, "AccessDeniedException", "User is not authorized to perform this operation"),
        invalid: "InvalidInputException",
    },
};

const TERMINAL: &[&str] = &["SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"];
const MAX_LISTED: usize = 200;
const MAX_STOPPED: usize = 25;
/// What a run repeats of its request.
const REQUESTED: &[&str] = &[
    "Arguments",
    "AllocatedCapacity",
    "Timeout",
    "MaxCapacity",
    "WorkerType",
    "NumberOfWorkers",
    "SecurityConfiguration",
    "NotificationProperty",
    "ExecutionClass",
    "JobRunQueuingEnabled",
];

/// The id of a run: 64 digits, made of the job's 32 twice.
fn run_id(digits: &str) -> String {
    format!("jr_{digits}{digits}")
}

fn start_job_run(call: &Call<'_>) -> Outcome {
    let name = call.required("JobName")?;
    let mut store = call.space().glue.lock();
    let repeats = match call.text("JobRunId").filter(|id| !id.is_empty()) {
        Some(id) => find(&store, name, id).ok_or_else(|| no_such_run(id))?.1.repeats.saturating_add(1),
        None => 0,
    };
    let life = call.new_life(1, "ResourceNumberLimitExceededException")?;
    let number = store.insert(NewJob {
        name,
        group: name,
        started_by: None,
        request: call.body.into(),
        created_ms: call.now_ms,
        life,
        caller: call.caller,
        repeats,
    });
    Ok(json!({"JobRunId": run_id(&store.digits(number))}))
}

fn get_job_run(call: &Call<'_>) -> Outcome {
    let (name, id) = (call.required("JobName")?, call.required("RunId")?);
    let store = call.space().glue.lock();
    let (number, job) = find(&store, name, id).ok_or_else(|| no_such_run(id))?;
    Ok(json!({"JobRun": job_run(call, &store, number, job)}))
}

/// The run with this id, if it is one of the job's.
fn find<'a>(store: &'a JobStore, name: &str, id: &str) -> Option<(u32, &'a Job)> {
    let number = store.find(id, run_id)?;
    let job = store.get(number).filter(|job| *job.name == *name)?;
    Some((number, job))
}

fn no_such_run(id: &str) -> Failure {
    Failure::new(400, "EntityNotFoundException", format!("Job Run {id} not found"))
}

/// The whole JobRun, what its script lays over included.
fn job_run(call: &Call<'_>, store: &JobStore, number: u32, job: &Job) -> Value {
    let now = call.now_ms;
    let request = job.request_json();
    let entered = job.entered(now).last();
    let (changed_ms, status) =
        entered.map_or((job.created_ms, ""), |(at, phase)| (at, phase.status.as_str()));
    let ended = job.ended(TERMINAL, now);
    let ran_from = job.entered_status("RUNNING", now);
    let ran_ms = ran_from.map_or(0, |from| ended.unwrap_or(now).saturating_sub(from));
    let mut run = members(json!({
        "Id": run_id(&store.digits(number)),
        "Attempt": job.repeats,
        "JobName": &*job.name,
        "JobMode": "SCRIPT",
        "StartedOn": seconds(job.created_ms),
        "LastModifiedOn": seconds(changed_ms),
        "JobRunState": status,
        "PredecessorRuns": [],
        "AllocatedCapacity": 2,
        "ExecutionTime": ran_ms / 1000,
        "Timeout": 2880,
        "MaxCapacity": 2.0,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "LogGroupName": "/aws-glue/jobs",
        "GlueVersion": "5.0",
        "ExecutionClass": "STANDARD",
    }));
    copy_members(&mut run, &request, REQUESTED);
    if let Some(previous) = request.get("JobRunId") {
        run.insert("PreviousRunId".to_owned(), previous.clone());
    }
    if let Some(at) = ended {
        run.insert("CompletedOn".to_owned(), json!(seconds(at)));
        run.insert("DPUSeconds".to_owned(), json!(ran_ms as f64 / 1000.0 * 2.0));
    }
    for (_, phase) in job.entered(now) {
        lay_members_over(&mut run, &phase.with);
    }
    Value::Object(run)
}

fn get_job_runs(call: &Call<'_>) -> Outcome {
    let name = call.required("JobName")?;
    let listed_until = call.world.listed_until(call.now_ms);
    let store = call.space().glue.lock();
    let before = match call.text("NextToken").filter(|token| !token.is_empty()) {
        Some(token) => Some(find(&store, name, token).ok_or_else(|| call.invalid("Invalid NextToken"))?.0),
        None => None,
    };
    let mut found = store.of_group(name, before).filter(|(_, job)| job.created_ms <= listed_until).peekable();
    let page: Vec<(u32, &Job)> = found.by_ref().take(call.page_size("MaxResults", MAX_LISTED)).collect();
    let mut answer = Map::new();
    if let (Some((last, _)), true) = (page.last(), found.peek().is_some()) {
        answer.insert("NextToken".to_owned(), json!(run_id(&store.digits(*last))));
    }
    let runs = page.into_iter().map(|(number, job)| job_run(call, &store, number, job));
    answer.insert("JobRuns".to_owned(), runs.collect());
    Ok(Value::Object(answer))
}

fn batch_stop_job_run(call: &Call<'_>) -> Outcome {
    let name = call.required("JobName")?;
    let ids = call.texts("JobRunIds");
    if ids.is_empty() || ids.len() > MAX_STOPPED {
        return Err(
            call.invalid(format!("JobRunIds must have 1 to {MAX_STOPPED} elements, not {}", ids.len()))
        );
    }
    let mut store = call.space().glue.lock();
    let (mut stopping, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        let found = find(&store, name, id).map(|(number, _)| number);
        let refused = match found.and_then(|number| store.get_mut(number)) {
            None => Some(("EntityNotFoundException", format!("Job Run {id} not found"))),
            Some(job) if job.ended(TERMINAL, call.now_ms).is_some() => {
                Some(("InvalidInputException", format!("Job Run {id} is already in a terminal state")))
            }
            Some(job) => {
                job.stop(TERMINAL, call.now_ms, "", false);
                None
            }
        };
        match refused {
            None => stopping.push(json!({"JobName": name, "JobRunId": id})),
            Some((code, message)) => errors.push(json!({
                "JobName": name,
                "JobRunId": id,
                "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message},
            })),
        }
    }
    Ok(json!({"SuccessfulSubmissions": stopping, "Errors": errors}))
}
