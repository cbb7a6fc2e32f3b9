//! The engine's answers as messages.

use newel_asl::{Diagnostic, MachineType, Severity, Timestamp};
use newel_engine::request::{
    Activity, Alias, AliasItem, Configuration, Execution, ExecutionItem, MapRun, MapRunCounts, MapRunItem,
    MapRunStatus, Page, PublishedVersion, Redrivable, Route, StateMachine, StateMachineItem, SyncExecution,
    Tag, TestedState,
};
use newel_engine::{Exchange, ExchangeRequest, ExchangeResponse};
use newel_machine::{Inspection, Stage, TestStatus};
use newel_proto::v1::{self as pb};
use newel_store::ExecutionStatus;
use newel_value::{Payload, Str, Value};

use crate::service::{EncryptionView, InspectionLevel, LoggingView, TracingView, Verdict};

pub(super) fn instant(at: Timestamp) -> prost_types::Timestamp {
    let millis = at.as_millis();
    // Below a thousand, times a million: it fits.
    let nanos = i32::try_from(millis.rem_euclid(1_000)).unwrap_or_default() * 1_000_000;
    prost_types::Timestamp { seconds: millis.div_euclid(1_000), nanos }
}

const fn machine_type(machine_type: MachineType) -> pb::StateMachineType {
    match machine_type {
        MachineType::Standard => pb::StateMachineType::Standard,
        MachineType::Express => pb::StateMachineType::Express,
    }
}

const fn status(status: ExecutionStatus) -> pb::ExecutionStatus {
    match status {
        ExecutionStatus::Running => pb::ExecutionStatus::Running,
        ExecutionStatus::Succeeded => pb::ExecutionStatus::Succeeded,
        ExecutionStatus::Failed => pb::ExecutionStatus::Failed,
        ExecutionStatus::TimedOut => pb::ExecutionStatus::TimedOut,
        ExecutionStatus::Aborted => pb::ExecutionStatus::Aborted,
        ExecutionStatus::PendingRedrive => pb::ExecutionStatus::PendingRedrive,
    }
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn logging(configuration: &Configuration) -> pb::LoggingConfiguration {
    let view = LoggingView::of(configuration);
    let level = match view.level {
        "ALL" => pb::LogLevel::All,
        "ERROR" => pb::LogLevel::Error,
        "FATAL" => pb::LogLevel::Fatal,
        _ => pb::LogLevel::Off,
    };
    pb::LoggingConfiguration {
        level: level.into(),
        include_execution_data: view.include_execution_data,
        log_group_arns: view.log_groups().map(str::to_owned).collect(),
    }
}

fn tracing(configuration: &Configuration) -> pb::TracingConfiguration {
    pb::TracingConfiguration { enabled: TracingView::of(configuration).enabled }
}

fn encryption(encryption: Option<&Value>) -> pb::EncryptionConfiguration {
    let view = EncryptionView::of(encryption);
    let kind = match view.kind {
        "CUSTOMER_MANAGED_KMS_KEY" => pb::EncryptionType::CustomerManagedKmsKey,
        _ => pb::EncryptionType::AwsOwnedKey,
    };
    pb::EncryptionConfiguration {
        r#type: kind.into(),
        kms_key_id: view.key.map(str::to_owned),
        kms_data_key_reuse_period_seconds: view.reuse_seconds.and_then(|seconds| seconds.try_into().ok()),
    }
}

fn definition(machine: &StateMachine, told: bool) -> String {
    if told { machine.definition.to_string() } else { String::new() }
}

pub(super) fn machine(machine: &StateMachine, told: bool) -> pb::DescribeStateMachineResponse {
    let state =
        if machine.deleting { pb::StateMachineStatus::Deleting } else { pb::StateMachineStatus::Active };
    pb::DescribeStateMachineResponse {
        state_machine_arn: machine.arn.to_string(),
        name: machine.name.to_string(),
        status: state.into(),
        definition: definition(machine, told),
        role_arn: machine.role_arn.to_string(),
        r#type: machine_type(machine.machine_type).into(),
        creation_date: Some(instant(machine.created_at)),
        logging_configuration: Some(logging(&machine.configuration)),
        tracing_configuration: Some(tracing(&machine.configuration)),
        encryption_configuration: Some(encryption(machine.configuration.encryption.as_ref())),
        revision_id: machine.revision_id.as_deref().map(str::to_owned),
        description: machine.description.as_deref().map(str::to_owned),
        variable_references: references(machine, told),
        label: machine.map.as_ref().map(|map| map.label.to_string()),
    }
}

/// The variables that states refer to are part of the definition, and told with it.
fn references(machine: &StateMachine, told: bool) -> Vec<pb::VariableReferences> {
    let of_state = |(state, names): &(Str, Vec<Str>)| pb::VariableReferences {
        state_name: state.to_string(),
        variables: names.iter().map(ToString::to_string).collect(),
    };
    machine.variable_references.iter().filter(|_| told).map(of_state).collect()
}

pub(super) fn machine_of_execution(
    machine: &StateMachine,
    told: bool,
) -> pb::DescribeStateMachineForExecutionResponse {
    pb::DescribeStateMachineForExecutionResponse {
        state_machine_arn: machine.arn.to_string(),
        name: machine.name.to_string(),
        definition: definition(machine, told),
        role_arn: machine.role_arn.to_string(),
        update_date: Some(instant(machine.updated_at)),
        logging_configuration: Some(logging(&machine.configuration)),
        tracing_configuration: Some(tracing(&machine.configuration)),
        encryption_configuration: Some(encryption(machine.configuration.encryption.as_ref())),
        revision_id: machine.revision_id.as_deref().map(str::to_owned),
        label: machine.map.as_ref().map(|map| map.label.to_string()),
        map_run_arn: machine.map.as_ref().and_then(|map| map.map_run_arn.as_ref()).map(ToString::to_string),
        variable_references: references(machine, told),
    }
}

pub(super) fn machines(page: Page<StateMachineItem>) -> pb::ListStateMachinesResponse {
    let item = |item: &StateMachineItem| pb::StateMachineListItem {
        state_machine_arn: item.arn.to_string(),
        name: item.name.to_string(),
        r#type: machine_type(item.machine_type).into(),
        creation_date: Some(instant(item.created_at)),
    };
    pb::ListStateMachinesResponse {
        state_machines: page.items.iter().map(item).collect(),
        next_token: page.next,
    }
}

pub(super) fn published(version: &PublishedVersion) -> pb::PublishStateMachineVersionResponse {
    pb::PublishStateMachineVersionResponse {
        state_machine_version_arn: version.arn.to_string(),
        creation_date: Some(instant(version.created_at)),
    }
}

pub(super) fn versions(page: Page<PublishedVersion>) -> pb::ListStateMachineVersionsResponse {
    let item = |version: &PublishedVersion| pb::StateMachineVersionListItem {
        state_machine_version_arn: version.arn.to_string(),
        creation_date: Some(instant(version.created_at)),
    };
    pb::ListStateMachineVersionsResponse {
        state_machine_versions: page.items.iter().map(item).collect(),
        next_token: page.next,
    }
}

pub(super) fn created_alias(alias: &AliasItem) -> pb::CreateStateMachineAliasResponse {
    pb::CreateStateMachineAliasResponse {
        state_machine_alias_arn: alias.arn.to_string(),
        creation_date: Some(instant(alias.created_at)),
    }
}

pub(super) fn alias(alias: Alias) -> pb::DescribeStateMachineAliasResponse {
    let route = |route: &Route| pb::RoutingConfiguration {
        state_machine_version_arn: route.version_arn.to_string(),
        weight: route.weight.into(),
    };
    pb::DescribeStateMachineAliasResponse {
        state_machine_alias_arn: alias.arn.to_string(),
        name: alias.name.to_string(),
        description: alias.description.as_deref().map(str::to_owned),
        routing_configuration: alias.routing.iter().map(route).collect(),
        creation_date: Some(instant(alias.created_at)),
        update_date: Some(instant(alias.updated_at)),
    }
}

pub(super) fn aliases(page: Page<AliasItem>) -> pb::ListStateMachineAliasesResponse {
    let item = |alias: &AliasItem| pb::StateMachineAliasListItem {
        state_machine_alias_arn: alias.arn.to_string(),
        creation_date: Some(instant(alias.created_at)),
    };
    pb::ListStateMachineAliasesResponse {
        state_machine_aliases: page.items.iter().map(item).collect(),
        next_token: page.next,
    }
}

pub(super) fn sync(execution: SyncExecution, data: bool) -> pb::StartSyncExecutionResponse {
    let text = |text: newel_value::Str| text.to_string();
    pb::StartSyncExecutionResponse {
        execution_arn: execution.arn.to_string(),
        state_machine_arn: execution.state_machine_arn.to_string(),
        name: execution.name.to_string(),
        start_date: Some(instant(execution.started_at)),
        stop_date: Some(instant(execution.stopped_at)),
        status: status(execution.status).into(),
        error: execution.fault.error.map(text),
        cause: execution.fault.cause.map(text),
        input: data.then(|| execution.input.text().to_owned()),
        output: execution.output.filter(|_| data).map(|output| output.text().to_owned()),
        trace_header: execution.trace_header.map(text),
        billed_duration_millis: execution.billed_millis,
        billed_memory_megabytes: execution.billed_megabytes,
    }
}

pub(super) fn activity(activity: &Activity) -> pb::DescribeActivityResponse {
    pb::DescribeActivityResponse {
        activity_arn: activity.arn.to_string(),
        name: activity.name.to_string(),
        creation_date: Some(instant(activity.created_at)),
        encryption_configuration: Some(encryption(activity.encryption.as_ref())),
    }
}

pub(super) fn activities(page: Page<Activity>) -> pb::ListActivitiesResponse {
    let item = |activity: &Activity| pb::ActivityListItem {
        activity_arn: activity.arn.to_string(),
        name: activity.name.to_string(),
        creation_date: Some(instant(activity.created_at)),
    };
    pb::ListActivitiesResponse { activities: page.items.iter().map(item).collect(), next_token: page.next }
}

pub(super) fn execution(execution: &Execution, data: bool) -> pb::DescribeExecutionResponse {
    let redrive_status = match execution.redrivable {
        Redrivable::Yes => pb::RedriveStatus::Redrivable,
        Redrivable::No(_) => pb::RedriveStatus::NotRedrivable,
        Redrivable::ByMapRun => pb::RedriveStatus::RedrivableByMapRun,
    };
    pb::DescribeExecutionResponse {
        execution_arn: execution.arn.to_string(),
        state_machine_arn: execution.state_machine_arn.to_string(),
        name: execution.name.to_string(),
        status: status(execution.status).into(),
        start_date: Some(instant(execution.started_at)),
        stop_date: execution.stopped_at.map(instant),
        input: data.then(|| execution.input.text().to_owned()),
        output: execution.output.as_ref().filter(|_| data).map(|output| output.text().to_owned()),
        error: execution.fault.error.as_deref().map(str::to_owned),
        cause: execution.fault.cause.as_deref().map(str::to_owned),
        trace_header: execution.trace_header.as_deref().map(str::to_owned),
        redrive_count: count(execution.redrive_count),
        redrive_status: redrive_status.into(),
        redrive_status_reason: execution.redrivable.reason().map(ToString::to_string),
        redrive_date: execution.redriven_at.map(instant),
        map_run_arn: execution.map_run_arn.as_deref().map(str::to_owned),
        state_machine_version_arn: execution.version_arn.as_deref().map(str::to_owned),
        state_machine_alias_arn: execution.alias_arn.as_deref().map(str::to_owned),
    }
}

pub(super) fn executions(page: Page<ExecutionItem>) -> pb::ListExecutionsResponse {
    let item = |item: &ExecutionItem| pb::ExecutionListItem {
        execution_arn: item.arn.to_string(),
        state_machine_arn: item.state_machine_arn.to_string(),
        name: item.name.to_string(),
        status: status(item.status).into(),
        start_date: Some(instant(item.started_at)),
        stop_date: item.stopped_at.map(instant),
        state_machine_version_arn: item.version_arn.as_deref().map(str::to_owned),
        state_machine_alias_arn: item.alias_arn.as_deref().map(str::to_owned),
        redrive_count: count(item.redrive_count),
        redrive_date: item.redriven_at.map(instant),
        map_run_arn: item.map_run_arn.as_deref().map(str::to_owned),
        item_count: item.item_count,
    };
    pb::ListExecutionsResponse { executions: page.items.iter().map(item).collect(), next_token: page.next }
}

pub(super) fn tested(tested: &TestedState, level: InspectionLevel) -> pb::TestStateResponse {
    let TestedState { told, exchange } = tested;
    let status = match told.status {
        TestStatus::Succeeded => pb::TestExecutionStatus::Succeeded,
        TestStatus::Failed => pb::TestExecutionStatus::Failed,
        TestStatus::Retriable => pb::TestExecutionStatus::Retriable,
        TestStatus::CaughtError => pb::TestExecutionStatus::CaughtError,
    };
    pb::TestStateResponse {
        status: status.into(),
        output: told.output.as_ref().map(|output| output.text().to_owned()),
        error: told.fault.error.as_deref().map(str::to_owned),
        cause: told.fault.cause.as_deref().map(str::to_owned),
        next_state: told.next.as_deref().map(str::to_owned),
        inspection_data: (level == InspectionLevel::Debug)
            .then(|| inspection(&told.inspection, exchange.as_ref())),
    }
}

fn inspection(inspection: &Inspection, exchange: Option<&Exchange>) -> pb::InspectionData {
    let details = pb::InspectionErrorDetails {
        catch_index: inspection.catch_index,
        retry_index: inspection.retry_index,
        retry_backoff_interval_seconds: inspection.retry_backoff_seconds,
    };
    let stage = |(stage, payload): (&Stage, &Payload)| (stage.name().to_owned(), payload.text().to_owned());
    pb::InspectionData {
        input: inspection.input.text().to_owned(),
        stages: inspection.stages.iter().map(stage).collect(),
        variables: inspection.variables.as_ref().map(|variables| variables.text().to_owned()),
        max_concurrency: inspection.max_concurrency,
        tolerated_failure_count: inspection.tolerated_failure_count,
        tolerated_failure_percentage: inspection.tolerated_failure_percentage,
        error_details: (details != pb::InspectionErrorDetails::default()).then_some(details),
        request: exchange.map(|exchange| request(&exchange.request)),
        response: exchange.and_then(|exchange| exchange.response.as_ref()).map(response),
    }
}

fn request(request: &ExchangeRequest) -> pb::InspectionDataRequest {
    pb::InspectionDataRequest {
        protocol: request.protocol.to_string(),
        method: request.method.to_string(),
        url: request.url.to_string(),
        headers: request.headers.to_string(),
        body: request.body.to_string(),
    }
}

fn response(response: &ExchangeResponse) -> pb::InspectionDataResponse {
    pb::InspectionDataResponse {
        protocol: response.protocol.to_string(),
        status_code: response.status_code.to_string(),
        status_message: response.status_message.to_string(),
        headers: response.headers.to_string(),
        body: response.body.to_string(),
    }
}

pub(super) fn verdict(verdict: Verdict) -> pb::ValidateStateMachineDefinitionResponse {
    let diagnostic = |diagnostic: Diagnostic| pb::Diagnostic {
        severity: match diagnostic.severity {
            Severity::Error => pb::DiagnosticSeverity::Error,
            Severity::Warning => pb::DiagnosticSeverity::Warning,
        }
        .into(),
        code: diagnostic.code.as_str().to_owned(),
        message: diagnostic.message,
        location: diagnostic.location,
    };
    let result = if verdict.valid { pb::ValidationResult::Ok } else { pb::ValidationResult::Fail };
    pb::ValidateStateMachineDefinitionResponse {
        result: result.into(),
        diagnostics: verdict.diagnostics.into_iter().map(diagnostic).collect(),
        truncated: verdict.truncated,
    }
}

pub(super) fn map_run(run: &MapRun) -> pb::DescribeMapRunResponse {
    let status = match run.status {
        MapRunStatus::Running => pb::MapRunStatus::Running,
        MapRunStatus::Succeeded => pb::MapRunStatus::Succeeded,
        MapRunStatus::Failed => pb::MapRunStatus::Failed,
        MapRunStatus::Aborted => pb::MapRunStatus::Aborted,
    };
    pb::DescribeMapRunResponse {
        map_run_arn: run.arn.to_string(),
        execution_arn: run.execution_arn.to_string(),
        status: status.into(),
        start_date: Some(instant(run.started_at)),
        stop_date: run.stopped_at.map(instant),
        max_concurrency: run.max_concurrency,
        tolerated_failure_percentage: run.tolerated_failure_percentage,
        tolerated_failure_count: run.tolerated_failure_count,
        item_counts: Some(counts(&run.items)),
        execution_counts: Some(counts(&run.executions)),
        redrive_count: count(run.redrive_count),
        redrive_date: run.redriven_at.map(instant),
    }
}

const fn counts(counts: &MapRunCounts) -> pb::MapRunCounts {
    pb::MapRunCounts {
        pending: counts.pending,
        running: counts.running,
        succeeded: counts.succeeded,
        failed: counts.failed,
        timed_out: counts.timed_out,
        aborted: counts.aborted,
        total: counts.total,
        results_written: counts.results_written,
        failures_not_redrivable: counts.failures_not_redrivable,
        pending_redrive: counts.pending_redrive,
    }
}

pub(super) fn map_runs(page: Page<MapRunItem>) -> pb::ListMapRunsResponse {
    let item = |item: &MapRunItem| pb::MapRunListItem {
        execution_arn: item.execution_arn.to_string(),
        map_run_arn: item.arn.to_string(),
        state_machine_arn: item.state_machine_arn.to_string(),
        start_date: Some(instant(item.started_at)),
        stop_date: item.stopped_at.map(instant),
    };
    pb::ListMapRunsResponse { map_runs: page.items.iter().map(item).collect(), next_token: page.next }
}

pub(super) fn tags(tags: Vec<Tag>) -> pb::ListTagsForResourceResponse {
    let tag = |tag: &Tag| pb::Tag { key: tag.key.to_string(), value: tag.value.to_string() };
    pb::ListTagsForResourceResponse { tags: tags.iter().map(tag).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_the_epoch_round_down() {
        let made = |millis| {
            let at = instant(Timestamp::from_millis(millis));
            (at.seconds, at.nanos)
        };
        assert_eq!(made(1_250), (1, 250_000_000));
        assert_eq!(made(-1), (-1, 999_000_000));
    }
}
