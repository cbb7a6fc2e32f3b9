//! Answers in AWS JSON.

use newel_asl::Timestamp;
use newel_engine::request::{
    Configuration, CreatedStateMachine, Execution, ExecutionItem, Page, StartedExecution, StateMachine,
    StateMachineItem, SyncExecution, Tag, TestedState, UpdatedStateMachine,
};
use newel_machine::Inspection;
use newel_value::{Number, Payload};

use super::history::write_event;
use super::json::{Members, object};
use crate::service::{
    EncryptionView, History, InspectionLevel, LoggingView, TracingView, Verdict, redrive,
};

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
    })
}

pub(super) fn updated(updated: &UpdatedStateMachine) -> String {
    written(|m| {
        m.instant("updateDate", updated.updated_at);
        m.text("revisionId", &updated.revision_id);
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
    })
}

pub(super) fn machine_of_execution(machine: &StateMachine, definition: bool) -> String {
    written(|m| {
        m.text("stateMachineArn", &machine.arn);
        m.text("name", &machine.name);
        m.text("definition", if definition { &machine.definition } else { "" });
        m.text("roleArn", &machine.role_arn);
        m.instant("updateDate", machine.updated_at);
        configuration(m, &machine.configuration);
        m.optional("revisionId", machine.revision_id.as_deref());
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
    m.object("encryptionConfiguration", |m| m.text("type", &EncryptionView::of(configuration).kind));
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
        m.optional("traceHeader", execution.trace_header.as_deref());
        m.optional("error", execution.fault.error.as_deref());
        m.optional("cause", execution.fault.cause.as_deref());
        m.number("redriveCount", 0);
        let (status, reason) = redrive(execution.status);
        m.text("redriveStatus", status);
        m.optional("redriveStatusReason", reason);
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
                m.number("redriveCount", 0);
            });
        });
        m.optional("nextToken", page.next.as_deref());
    })
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
    written(|m| {
        m.optional("output", tested.output.as_ref().map(Payload::text));
        m.optional("error", tested.fault.error.as_deref());
        m.optional("cause", tested.fault.cause.as_deref());
        if level == InspectionLevel::Debug {
            m.object("inspectionData", |m| inspection(m, &tested.inspection));
        }
        m.optional("nextState", tested.next.as_deref());
        m.text("status", tested.status.name());
    })
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
