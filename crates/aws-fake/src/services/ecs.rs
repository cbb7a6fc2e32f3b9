//! Amazon ECS: RunTask with client tokens, DescribeTasks, ListTasks and StopTask.
//!
//! Any cluster and task definition is accepted; one that should be missing is a fault rule's matter.

use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use serde_json::{Map, Value, json};

use crate::clock::seconds;
use crate::jobs::{Job, JobStore, NewJob, Space, TokenUse};
use crate::scripts::lay_members_over;
use crate::select::short_name;
use crate::services::call::{Call, copy_members, members};
use crate::services::{CommonErrors, Life, Operation, Outcome, Service, ServiceModel};
use crate::wire::{Failure, Protocol};

pub(super) static MODEL: ServiceModel = ServiceModel {
    service: Service::Ecs,
    signing_name: "ecs",
    protocol: Protocol::AwsJson { version: "1.1", namespace: "", message_member: "message" },
    target_prefix: "AmazonEC2ContainerServiceV20141113",
    operations: &[
        Operation { name: "RunTask", address: "", items: Some("count"), run: run_task },
        Operation { name: "DescribeTasks", address: "", items: Some("tasks"), run: describe_tasks },
        Operation { name: "ListTasks", address: "", items: None, run: list_tasks },
        Operation { name: "StopTask", address: "", items: None, run: stop_task },
    ],
    life: Some(Life {
        run: &[
            ("PROVISIONING", 0.0),
            ("PENDING", 0.1),
            ("ACTIVATING", 0.1),
            ("RUNNING", 0.2),
            ("DEPROVISIONING", 0.5),
            ("STOPPED", 0.1),
        ],
        stop: &[("DEACTIVATING", 0.0), ("STOPPING", 0.1), ("DEPROVISIONING", 0.1), ("STOPPED", 0.1)],
        terminal: TERMINAL,
        id: str::to_owned,
    }),
    selected_by: ["taskDefinition", "cluster", "taskDefinition"],
    errors: CommonErrors {
        throttled: (400, "ThrottlingException", "Rate exceeded"),
        internal: (500, "ServerException", "Service Unavailable. Please try again later."),
        denied: (400, "AccessDeniedException", "User is not authorized to perform this operation"),
        invalid: "InvalidParameterException",
    },
};

const TERMINAL: &[&str] = &["STOPPED"];
/// The statuses in which a task is wanted to run no more.
const WINDING_DOWN: &[&str] = &["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];
const MAX_DESCRIBED: usize = 100;
const MAX_LISTED: usize = 100;
const MAX_COUNT: u64 = 10;
const MAX_TOKEN: usize = 64;

fn cluster_name<'a>(call: &Call<'a>) -> &'a str {
    call.text("cluster").filter(|name| !name.is_empty()).map_or("default", short_name)
}

fn arn(space: &Space, resource: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{resource}", space.region, space.account)
}

fn task_arn(space: &Space, store: &JobStore, number: u32, cluster: &str) -> String {
    arn(space, &format!("task/{cluster}/{}", store.digits(number)))
}

fn definition_arn(space: &Space, definition: &str) -> String {
    if definition.starts_with("arn:") {
        return definition.to_owned();
    }
    let revision = if definition.contains(':') { "" } else { ":1" };
    arn(space, &format!("task-definition/{definition}{revision}"))
}

fn run_task(call: &Call<'_>) -> Outcome {
    let definition = call.required("taskDefinition")?;
    let count = call.input.get("count").map_or(Some(1), Value::as_u64);
    let Some(count @ 1..=MAX_COUNT) = count else {
        return Err(call.invalid(format!("count must be between 1 and {MAX_COUNT}")));
    };
    let token = call.text("clientToken").filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > MAX_TOKEN) {
        return Err(call.invalid(format!("clientToken can have at most {MAX_TOKEN} characters")));
    }
    let cluster = cluster_name(call);
    let mut store = call.space().ecs.lock();
    let parameters = parameters_hash(call.input);
    let used = match token.and_then(|token| store.token(token)) {
        Some(used) if used.parameters != parameters => return Err(conflict(call.space(), &store, used)),
        Some(used) => used,
        None => {
            let life = call.new_life(count as usize, "ClientException")?;
            let request: Arc<str> = call.body.into();
            let first = store.len() as u32;
            for _ in 0..count {
                store.insert(NewJob {
                    name: short_name(definition),
                    group: cluster,
                    started_by: call.text("startedBy"),
                    request: Arc::clone(&request),
                    created_ms: call.now_ms,
                    life: Arc::clone(&life),
                    caller: call.caller,
                    repeats: 0,
                });
            }
            let used = TokenUse { parameters, first, count: count as u32 };
            if let Some(token) = token {
                store.use_token(token, used);
            }
            used
        }
    };
    let tasks = used.numbers().filter_map(|number| task(call, &store, number, true));
    Ok(json!({"tasks": tasks.collect::<Vec<_>>(), "failures": []}))
}

impl TokenUse {
    fn numbers(self) -> std::ops::Range<u32> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// A hash of what was asked for, the same however the members of objects are ordered.
fn parameters_hash(input: &Value) -> u64 {
    match input {
        Value::Object(members) => {
            let member_hash = |(name, value)| FxBuildHasher.hash_one((name, parameters_hash(value)));
            members.iter().map(member_hash).fold(members.len() as u64, u64::wrapping_add)
        }
        Value::Array(elements) => {
            FxBuildHasher.hash_one(elements.iter().map(parameters_hash).collect::<Vec<_>>())
        }
        scalar => FxBuildHasher.hash_one(scalar.to_string()),
    }
}

fn conflict(space: &Space, store: &JobStore, used: TokenUse) -> Failure {
    let arns = used.numbers().filter_map(|number| {
        let cluster = &store.get(number)?.group;
        Some(task_arn(space, store, number, cluster))
    });
    let message = "The clientToken was already used with different parameters.";
    Failure::new(400, "ConflictException", message).with("resourceIds", arns.collect())
}

fn describe_tasks(call: &Call<'_>) -> Outcome {
    let ids = call.texts("tasks");
    if ids.is_empty() || ids.len() > MAX_DESCRIBED {
        return Err(call.invalid(format!("tasks must have 1 to {MAX_DESCRIBED} elements, not {}", ids.len())));
    }
    let cluster = cluster_name(call);
    let with_tags = call.texts("include").contains(&"TAGS");
    let store = call.space().ecs.lock();
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match find(&store, id, cluster).and_then(|number| task(call, &store, number, with_tags)) {
            Some(task) => tasks.push(task),
            None => {
                let name = id.rsplit('/').next().unwrap_or_default();
                let arn = arn(call.space(), &format!("task/{cluster}/{name}"));
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

/// The task with this id or ARN in a cluster.
fn find(store: &JobStore, id: &str, cluster: &str) -> Option<u32> {
    let number = store.find(id.rsplit('/').next()?, str::to_owned)?;
    store.get(number).is_some_and(|job| *job.group == *cluster).then_some(number)
}

/// The whole Task, what its script lays over included.
fn task(call: &Call<'_>, store: &JobStore, number: u32, with_tags: bool) -> Option<Value> {
    let (job, space, now) = (store.get(number)?, call.space(), call.now_ms);
    let request = job.request_json();
    let arn_of_task = task_arn(space, store, number, &job.group);
    let status = job.status(now);
    let definition = request.get("taskDefinition").and_then(Value::as_str).unwrap_or_default();
    let mut task = members(json!({
        "taskArn": arn_of_task,
        "clusterArn": arn(space, &format!("cluster/{}", job.group)),
        "taskDefinitionArn": definition_arn(space, definition),
        "group": format!("family:{}", job.name),
        "lastStatus": status,
        "desiredStatus": desired_status(job, now),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "availabilityZone": format!("{}a", space.region),
        "cpu": "256",
        "memory": "512",
        "ephemeralStorage": {"sizeInGiB": 20},
        "enableExecuteCommand": false,
        "healthStatus": "UNKNOWN",
        "attachments": [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
        "containers": containers(space, store, number, &request, status),
        "createdAt": seconds(job.created_ms),
        "version": job.entered(now).count(),
        "tags": [],
    }));
    copy_members(&mut task, &request, &["group", "launchType", "startedBy", "enableExecuteCommand"]);
    if let (Some(Value::Object(overrides)), Some(Value::Object(given))) =
        (task.get_mut("overrides"), request.get("overrides"))
    {
        lay_members_over(overrides, given);
    }
    if with_tags {
        copy_members(&mut task, &request, &["tags"]);
    }
    stamp(&mut task, job, now);
    for (_, phase) in job.entered(now) {
        lay_members_over(&mut task, &phase.with);
    }
    Some(Value::Object(task))
}

fn desired_status(job: &Job, now_ms: u64) -> &'static str {
    if job.stop.is_some() || WINDING_DOWN.contains(&job.status(now_ms)) { "STOPPED" } else { "RUNNING" }
}

/// The moments of a task's life, and how it ended.
fn stamp(task: &mut Map<String, Value>, job: &Job, now_ms: u64) {
    let mut set = |name: &str, at: Option<u64>| {
        if let Some(at) = at {
            task.insert(name.to_owned(), json!(seconds(at)));
        }
    };
    let winding_down = job.ended(WINDING_DOWN, now_ms);
    set("connectivityAt", job.entered_status("ACTIVATING", now_ms));
    set("pullStartedAt", job.entered_status("PENDING", now_ms));
    set("pullStoppedAt", job.entered_status("ACTIVATING", now_ms));
    set("startedAt", job.entered_status("RUNNING", now_ms));
    set("stoppingAt", winding_down);
    set("executionStoppedAt", winding_down);
    set("stoppedAt", job.ended(TERMINAL, now_ms));
    if job.entered_status("ACTIVATING", now_ms).is_some() {
        task.insert("connectivity".to_owned(), json!("CONNECTED"));
    }
    let (code, reason, exit_code) = match &job.stop {
        Some(stop) => ("UserInitiated", &*stop.reason, 143),
        None => ("EssentialContainerExited", "Essential container in task exited", 0),
    };
    if winding_down.is_some() {
        task.insert("stopCode".to_owned(), json!(code));
        task.insert("stoppedReason".to_owned(), json!(reason));
    }
    let ran = job.entered_status("RUNNING", now_ms).is_some();
    if job.ended(TERMINAL, now_ms).is_some() && ran {
        for container in task.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(container) = container {
                container.insert("exitCode".to_owned(), json!(exit_code));
            }
        }
    }
}

/// The containers that the overrides name; without any, one called after the family.
fn containers(
    space: &Space,
    store: &JobStore,
    number: u32,
    request: &Map<String, Value>,
    status: &str,
) -> Value {
    let Some(job) = store.get(number) else { return json!([]) };
    let overrides = request.get("overrides").and_then(|overrides| overrides.get("containerOverrides"));
    let named =
        overrides.and_then(Value::as_array).into_iter().flatten().filter_map(|o| o.get("name")?.as_str());
    let mut names: Vec<&str> = named.collect();
    if names.is_empty() {
        names.push(&job.name);
    }
    let last_status = match status {
        "RUNNING" | "DEACTIVATING" | "STOPPING" => "RUNNING",
        "DEPROVISIONING" | "STOPPED" => "STOPPED",
        _ => "PENDING",
    };
    let digits = store.digits(number);
    let container = |(at, name): (usize, &str)| {
        json!({
            "containerArn": arn(space, &format!("container/{}/{digits}/{at:04x}", job.group)),
            "taskArn": task_arn(space, store, number, &job.group),
            "name": name,
            "image": "public.ecr.aws/docker/library/busybox:latest",
            "runtimeId": format!("{digits}-{at}"),
            "lastStatus": last_status,
            "networkBindings": [],
            "networkInterfaces": [],
            "healthStatus": "UNKNOWN",
            "cpu": "0",
        })
    };
    names.into_iter().enumerate().map(container).collect()
}

fn list_tasks(call: &Call<'_>) -> Outcome {
    let desired = call.text("desiredStatus").unwrap_or("RUNNING");
    let (family, started_by) = (call.text("family"), call.text("startedBy"));
    let cluster = cluster_name(call);
    let listed_until = call.world.listed_until(call.now_ms);
    let store = call.space().ecs.lock();
    let before = match call.text("nextToken") {
        Some(token) => Some(find(&store, token, cluster).ok_or_else(|| call.invalid("Invalid token"))?),
        None => None,
    };
    let listed = |job: &Job| {
        job.created_ms <= listed_until
            && desired_status(job, call.now_ms) == desired
            && family.is_none_or(|family| *job.name == *family)
            && started_by.is_none_or(|by| job.started_by.as_deref() == Some(by))
    };
    let mut found =
        store.of_group(cluster, before).filter(|(_, job)| listed(job)).map(|(number, _)| number).peekable();
    let page: Vec<u32> = found.by_ref().take(call.page_size("maxResults", MAX_LISTED)).collect();
    let mut answer = Map::new();
    if let (Some(last), true) = (page.last(), found.peek().is_some()) {
        answer.insert("nextToken".to_owned(), json!(store.digits(*last)));
    }
    let arns = page.iter().map(|number| json!(task_arn(call.space(), &store, *number, cluster)));
    answer.insert("taskArns".to_owned(), arns.collect());
    Ok(Value::Object(answer))
}

fn stop_task(call: &Call<'_>) -> Outcome {
    let id = call.required("task")?;
    let mut store = call.space().ecs.lock();
    let missing = || call.invalid("The referenced task was not found.");
    let number = find(&store, id, cluster_name(call)).ok_or_else(missing)?;
    let reason = call.text("reason").unwrap_or("Task stopped by user");
    store.get_mut(number).ok_or_else(missing)?.stop(TERMINAL, call.now_ms, reason, false);
    let task = task(call, &store, number, false).ok_or_else(missing)?;
    Ok(json!({"task": task}))
}
