//! Answers in AWS JSON.

use newel_asl::Timestamp;
use newel_engine::Exchange;
use newel_engine::request::{
    Activity, ActivityTask, Alias, AliasItem, Configuration, CreatedStateMachine, Execution, ExecutionItem,
    MapRun, MapRunCounts, MapRunItem, Page, PublishedVersion, StartedExecution, StateMachine,
    StateMachineItem, SyncExecution, Tag, TestedState, UpdatedStateMachine,
};
use newel_machine::Inspection;
use newel_value::{Members, Number, Object, Payload, Str, Value, object};

use super::history::write_event;
use super::instant::Instants as _;
use crate::service::{EncryptionView, History, InspectionLevel, LoggingView, TracingView, Verdict};

/// The answer of operations that have nothing to tell.
pub(super) fn nothing() -> String {
    "{}".to_owned()
}

fn written(write: impl FnOnce(&mut Members<'_>)) -> String {
    let mut out = String::with_capacity(512);
    object(&mut out, write);
    out
}

pub(super) fn created(created: &CreatedStateMachine) -> String {
    written(|m| {
        m.text("stateMachineArn", &created.arn);
        m.instant("creationDate", created.created_at);
        m.optional("stateMachineVersionArn", created.version_arn.as_deref());
    })
}

pub(super) fn updated(updated: &UpdatedStateMachine) -> String {
    written(|m| {
        m.instant("updateDate", updated.updated_at);
        m.optional("revisionId", updated.revision_id.as_deref());
        m.optional("stateMachineVersionArn", updated.version_arn.as_deref());
    })
}

pub(super) fn machine(machine: &StateMachine, definition: bool) -> String {
    written(|m| {
        m.text("stateMachineArn", &machine.arn);
        m.text("name", &machine.name);
        m.text("status", if machine.deleting { "DELETING" } else { "ACTIVE" });
        // The member is required by the API's model, so it is there even when it is not told.
        m.text("definition", if definition { &machine.definition } else { "" });
        m.text("roleArn", &machine.role_arn);
        m.text("type", machine.machine_type.as_str());
        m.instant("creationDate", machine.created_at);
        configuration(m, &machine.configuration);
        m.optional("revisionId", machine.revision_id.as_deref());
        m.optional("description", machine.description.as_deref());
        m.optional("label", machine.map.as_ref().map(|map| &*map.label));
        references(m, machine, definition);
    })
}

/// `variableReferences`, where there are any; they are part of the definition, and told with it.
fn references(m: &mut Members<'_>, machine: &StateMachine, definition: bool) {
    if !definition || machine.variable_references.is_empty() {
        return;
    }
    // The states' names are the user's, so this object is written as a value is.
    let names = |names: &Vec<Str>| Value::from(names.iter().cloned().map(Value::from).collect::<Vec<_>>());
    let states: Object =
        machine.variable_references.iter().map(|(state, of)| (state.clone(), names(of))).collect();
    m.value("variableReferences", &states.into());
}

pub(super) fn machine_of_execution(machine: &StateMachine, definition: bool) -> String {
    written(|m| {
        m.text("stateMachineArn", &machine.arn);
        m.text("name", &machine.name);
        m.text("definition", if definition { &machine.definition } else { "" });
        m.text("roleArn", &machine.role_arn);
        m.instant("updateDate", machine.updated_at);
        if let Some(map) = &machine.map {
            m.text("label", &map.label);
            m.optional("mapRunArn", map.map_run_arn.as_deref());
        }
        configuration(m, &machine.configuration);
        m.optional("revisionId", machine.revision_id.as_deref());
        references(m, machine, definition);
    })
}

fn configuration(m: &mut Members<'_>, configuration: &Configuration) {
    let logging = LoggingView::of(configuration);
    m.object("loggingConfiguration", |m| {
        m.text("level", logging.level);
        m.flag("includeExecutionData", logging.include_execution_data);
        if let Some(destinations) = logging.destinations {
            m.value("destinations", destinations);
        }
    });
    m.object("tracingConfiguration", |m| m.flag("enabled", TracingView::of(configuration).enabled));
    encryption(m, configuration.encryption.as_ref());
}

fn encryption(m: &mut Members<'_>, encryption: Option<&Value>) {
    let encryption = EncryptionView::of(encryption);
    m.object("encryptionConfiguration", |m| {
        m.optional("kmsKeyId", encryption.key);
        if let Some(seconds) = encryption.reuse_seconds {
            m.number("kmsDataKeyReusePeriodSeconds", seconds);
        }
        m.text("type", encryption.kind);
    });
}

pub(super) fn machines(page: &Page<StateMachineItem>) -> String {
    written(|m| {
        m.array("stateMachines", &page.items, |item, out| {
            object(out, |m| {
                m.text("stateMachineArn", &item.arn);
                m.text("name", &item.name);
                m.text("type", item.machine_type.as_str());
                m.instant("creationDate", item.created_at);
            });
        });
        m.optional("nextToken", page.next.as_deref());
    })
}

pub(super) fn published(version: &PublishedVersion) -> String {
    written(|m| write_version(version, m))
}

fn write_version(version: &PublishedVersion, m: &mut Members<'_>) {
    m.text("stateMachineVersionArn", &version.arn);
    m.instant("creationDate", version.created_at);
}

pub(super) fn versions(page: &Page<PublishedVersion>) -> String {
    written(|m| {
        m.array("stateMachineVersions", &page.items, |version, out| {
            object(out, |m| write_version(version, m));
        });
        m.optional("nextToken", page.next.as_deref());
    })
}

pub(super) fn created_alias(alias: &AliasItem) -> String {
    written(|m| write_alias_item(alias, m))
}

fn write_alias_item(alias: &AliasItem, m: &mut Members<'_>) {
    m.text("stateMachineAliasArn", &alias.arn);
    m.instant("creationDate", alias.created_at);
}

pub(super) fn aliases(page: &Page<AliasItem>) -> String {
    written(|m| {
        m.array("stateMachineAliases", &page.items, |alias, out| {
            object(out, |m| write_alias_item(alias, m));
        });
        m.optional("nextToken", page.next.as_deref());
    })
}

pub(super) fn alias(alias: &Alias) -> String {
    written(|m| {
        m.text("stateMachineAliasArn", &alias.arn);
        m.text("name", &alias.name);
        m.optional("description", alias.description.as_deref());
        m.array("routingConfiguration", &alias.routing, |route, out| {
            object(out, |m| {
                m.text("stateMachineVersionArn", &route.version_arn);
                m.number("weight", route.weight.into());
            });
        });
        m.instant("creationDate", alias.created_at);
        m.instant("updateDate", alias.updated_at);
    })
}

pub(super) fn created_activity(activity: &Activity) -> String {
    written(|m| {
        m.text("activityArn", &activity.arn);
        m.instant("creationDate", activity.created_at);
    })
}

pub(super) fn activity(activity: &Activity) -> String {
    written(|m| {
        write_activity(activity, m);
        encryption(m, activity.encryption.as_ref());
    })
}

fn write_activity(activity: &Activity, m: &mut Members<'_>) {
    m.text("activityArn", &activity.arn);
    m.text("name", &activity.name);
    m.instant("creationDate", activity.created_at);
}

pub(super) fn activities(page: &Page<Activity>) -> String {
    written(|m| {
        m.array("activities", &page.items, |activity, out| object(out, |m| write_activity(activity, m)));
        m.optional("nextToken", page.next.as_deref());
    })
}

/// A task for a worker; without one the token is `null`, as AWS has it.
pub(super) fn activity_task(task: Option<&ActivityTask>) -> String {
    written(|m| match task {
        Some(task) => {
            m.text("taskToken", &task.token);
            m.text("input", task.input.text());
        }
        None => m.null("taskToken"),
    })
}

/// The answer of operations that tell when they changed something.
pub(super) fn changed(at: Timestamp) -> String {
    written(|m| m.instant("updateDate", at))
}

pub(super) fn started(started: &StartedExecution) -> String {
    written(|m| {
        m.text("executionArn", &started.arn);
        m.instant("startDate", started.started_at);
    })
}

pub(super) fn sync(execution: &SyncExecution, data: bool) -> String {
    let output = execution.output.as_ref().map_or("", |output| output.text());
    let mut out = String::with_capacity(1_024 + execution.input.text().len() + output.len());
    object(&mut out, |m| {
        m.text("executionArn", &execution.arn);
        m.text("stateMachineArn", &execution.state_machine_arn);
        m.text("name", &execution.name);
        m.instant("startDate", execution.started_at);
        m.instant("stopDate", execution.stopped_at);
        m.text("status", execution.status.name());
        m.optional("error", execution.fault.error.as_deref());
        m.optional("cause", execution.fault.cause.as_deref());
        if data {
            m.text("input", execution.input.text());
        }
        m.object("inputDetails", |m| m.flag("included", data));
        if data && execution.output.is_some() {
            m.text("output", output);
        }
        // It is there even when there is no output.
        m.object("outputDetails", |m| m.flag("included", data));
        m.optional("traceHeader", execution.trace_header.as_deref());
        m.object("billingDetails", |m| {
            m.number("billedMemoryUsedInMB", execution.billed_megabytes);
            m.number("billedDurationInMilliseconds", execution.billed_millis);
        });
    });
    out
}

pub(super) fn execution(execution: &Execution, data: bool) -> String {
    written(|m| {
        m.text("executionArn", &execution.arn);
        m.text("stateMachineArn", &execution.state_machine_arn);
        m.text("name", &execution.name);
        m.text("status", execution.status.name());
        m.instant("startDate", execution.started_at);
        if let Some(at) = execution.stopped_at {
            m.instant("stopDate", at);
        }
        if data {
            m.text("input", execution.input.text());
        }
        m.object("inputDetails", |m| m.flag("included", data));
        if let Some(output) = &execution.output {
            if data {
                m.text("output", output.text());
            }
            m.object("outputDetails", |m| m.flag("included", data));
        }
        m.optional("mapRunArn", execution.map_run_arn.as_deref());
        m.optional("traceHeader", execution.trace_header.as_deref());
        m.optional("error", execution.fault.error.as_deref());
        m.optional("cause", execution.fault.cause.as_deref());
        m.optional("stateMachineVersionArn", execution.version_arn.as_deref());
        m.optional("stateMachineAliasArn", execution.alias_arn.as_deref());
        redrives(m, execution.redrive_count, execution.redriven_at);
        m.text("redriveStatus", execution.redrivable.name());
        m.optional("redriveStatusReason", execution.redrivable.reason());
    })
}

pub(super) fn executions(page: &Page<ExecutionItem>) -> String {
    written(|m| {
        m.array("executions", &page.items, |item, out| {
            object(out, |m| {
                m.text("executionArn", &item.arn);
                m.text("stateMachineArn", &item.state_machine_arn);
                m.text("name", &item.name);
                m.text("status", item.status.name());
                m.instant("startDate", item.started_at);
                if let Some(at) = item.stopped_at {
                    m.instant("stopDate", at);
                }
                m.optional("stateMachineVersionArn", item.version_arn.as_deref());
                m.optional("stateMachineAliasArn", item.alias_arn.as_deref());
                m.optional("mapRunArn", item.map_run_arn.as_deref());
                if let Some(count) = item.item_count {
                    m.number("itemCount", count);
                }
                redrives(m, item.redrive_count, item.redriven_at);
            });
        });
        m.optional("nextToken", page.next.as_deref());
    })
}

fn redrives(m: &mut Members<'_>, count: u64, last: Option<Timestamp>) {
    m.number("redriveCount", count);
    if let Some(at) = last {
        m.instant("redriveDate", at);
    }
}

pub(super) fn map_run(run: &MapRun) -> String {
    let redriven = run.redrive_count > 0;
    written(|m| {
        m.text("mapRunArn", &run.arn);
        m.text("executionArn", &run.execution_arn);
        m.text("status", run.status.name());
        m.instant("startDate", run.started_at);
        if let Some(at) = run.stopped_at {
            m.instant("stopDate", at);
        }
        m.number("maxConcurrency", run.max_concurrency);
        m.float("toleratedFailurePercentage", run.tolerated_failure_percentage);
        m.number("toleratedFailureCount", run.tolerated_failure_count);
        m.object("itemCounts", |m| counts(m, &run.items, redriven));
        m.object("executionCounts", |m| counts(m, &run.executions, redriven));
        if redriven {
            redrives(m, run.redrive_count, run.redriven_at);
        }
    })
}

/// Counts of a map run; what a redrive adds is there once there was one, as recordings have it.
fn counts(m: &mut Members<'_>, counts: &MapRunCounts, redriven: bool) {
    m.number("pending", counts.pending);
    m.number("running", counts.running);
    m.number("succeeded", counts.succeeded);
    m.number("failed", counts.failed);
    m.number("timedOut", counts.timed_out);
    m.number("aborted", counts.aborted);
    m.number("total", counts.total);
    m.number("resultsWritten", counts.results_written);
    if redriven {
        m.number("failuresNotRedrivable", counts.failures_not_redrivable);
        m.number("pendingRedrive", counts.pending_redrive);
    }
}

pub(super) fn map_runs(page: &Page<MapRunItem>) -> String {
    written(|m| {
        m.array("mapRuns", &page.items, |item, out| {
            object(out, |m| {
                m.text("executionArn", &item.execution_arn);
                m.text("mapRunArn", &item.arn);
                m.text("stateMachineArn", &item.state_machine_arn);
                m.instant("startDate", item.started_at);
                if let Some(at) = item.stopped_at {
                    m.instant("stopDate", at);
                }
            });
        });
        m.optional("nextToken", page.next.as_deref());
    })
}

pub(super) fn redriven(at: Timestamp) -> String {
    written(|m| m.instant("redriveDate", at))
}

pub(super) fn stopped(at: Timestamp) -> String {
    written(|m| m.instant("stopDate", at))
}

pub(super) fn history(history: &History) -> String {
    let mut out = String::with_capacity(history.page.items.len() * 256 + 64);
    object(&mut out, |m| {
        m.array("events", &history.page.items, |event, out| write_event(event, history.include_data, out));
        m.optional("nextToken", history.page.next.as_deref());
    });
    out
}

pub(super) fn tested(tested: &TestedState, level: InspectionLevel) -> String {
    let TestedState { told, exchange: traced } = tested;
    written(|m| {
        m.optional("output", told.output.as_ref().map(Payload::text));
        m.optional("error", told.fault.error.as_deref());
        m.optional("cause", told.fault.cause.as_deref());
        if level == InspectionLevel::Debug {
            m.object("inspectionData", |m| {
                inspection(m, &told.inspection);
                if let Some(traced) = traced {
                    exchange(m, traced);
                }
            });
        }
        m.optional("nextState", told.next.as_deref());
        m.text("status", told.status.name());
    })
}

fn exchange(m: &mut Members<'_>, exchange: &Exchange) {
    let Exchange { request, response } = exchange;
    m.object("request", |m| {
        m.text("protocol", &request.protocol);
        m.text("method", &request.method);
        m.text("url", &request.url);
        m.text("headers", &request.headers);
        m.text("body", &request.body);
    });
    if let Some(response) = response {
        m.object("response", |m| {
            m.text("protocol", &response.protocol);
            m.text("statusCode", &response.status_code);
            m.text("statusMessage", &response.status_message);
            m.text("headers", &response.headers);
            m.text("body", &response.body);
        });
    }
}

fn inspection(m: &mut Members<'_>, inspection: &Inspection) {
    m.text("input", inspection.input.text());
    for (stage, payload) in &inspection.stages {
        m.text(stage.name(), payload.text());
    }
    m.optional("variables", inspection.variables.as_ref().map(Payload::text));
    let numbers = [
        ("maxConcurrency", inspection.max_concurrency),
        ("toleratedFailureCount", inspection.tolerated_failure_count),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            m.number(name, number);
        }
    }
    if let Some(percentage) = inspection.tolerated_failure_percentage.and_then(Number::from_f64) {
        m.value("toleratedFailurePercentage", &percentage.into());
    }
    let details = [
        ("catchIndex", inspection.catch_index),
        ("retryIndex", inspection.retry_index),
        ("retryBackoffIntervalSeconds", inspection.retry_backoff_seconds),
    ];
    if details.iter().any(|(_, number)| number.is_some()) {
        m.object("errorDetails", |m| {
            for (name, number) in details {
                if let Some(number) = number {
                    m.number(name, number);
                }
            }
        });
    }
}

pub(super) fn verdict(verdict: &Verdict) -> String {
    written(|m| {
        m.text("result", if verdict.valid { "OK" } else { "FAIL" });
        m.array("diagnostics", &verdict.diagnostics, |diagnostic, out| {
            object(out, |m| {
                m.text("severity", diagnostic.severity.as_str());
                m.text("code", diagnostic.code.as_str());
                m.text("message", &diagnostic.message);
                m.optional("location", diagnostic.location.as_deref());
            });
        });
        m.flag("truncated", verdict.truncated);
    })
}

pub(super) fn tags(tags: &[Tag]) -> String {
    written(|m| {
        m.array("tags", tags, |tag, out| {
            object(out, |m| {
                m.text("key", &tag.key);
                m.text("value", &tag.value);
            });
        });
    })
}
