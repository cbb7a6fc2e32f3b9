//! Request messages as the members that the API's model has, so that both doors share one table of checks.

use newel_proto::v1::{self as pb};
use newel_value::{Number, Object, ObjectBuilder, Value};

/// A message that is a request of an operation. What is unset becomes absent.
pub(super) trait Members {
    /// Its members.
    fn members(self) -> Object;
}

#[derive(Default)]
struct Builder(ObjectBuilder);

impl Builder {
    /// A string that is always sent: the empty one means unset.
    fn text(self, name: &str, value: String) -> Self {
        self.optional(name, Some(value).filter(|text| !text.is_empty()))
    }

    fn optional(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        self.0.insert_some(name, value);
        self
    }

    fn list<T>(self, name: &str, items: Vec<T>, item: impl Fn(T) -> Value) -> Self {
        let items: Vec<_> = items.into_iter().map(item).collect();
        self.optional(name, Some(items))
    }

    fn build(self) -> Object {
        self.0.build()
    }
}

fn builder() -> Builder {
    Builder::default()
}

/// AWS's name of an enum's value: its proto name without the prefix. Unset is absent; a number that no value has is
/// told by the table of checks, as a value that isn't one of the set.
fn enumerated<E: TryFrom<i32>>(number: i32, name: fn(&E) -> &'static str, prefix: &str) -> Option<String> {
    match E::try_from(number) {
        _ if number == 0 => None,
        Ok(value) => Some(name(&value).trim_start_matches(prefix).to_owned()),
        Err(_) => Some(number.to_string()),
    }
}

fn included(number: i32) -> Option<String> {
    enumerated(number, pb::IncludedData::as_str_name, "INCLUDED_DATA_")
}

/// A number, if JSON has it.
fn number(number: f64) -> Option<Number> {
    Number::from_f64_as_integer(number)
}

fn integer(number: i32) -> Option<Value> {
    (number != 0).then(|| i64::from(number).into())
}

/// The member that names an execution.
pub(super) fn execution_arn(arn: String) -> Object {
    builder().text("executionArn", arn).build()
}

fn logging(logging: pb::LoggingConfiguration) -> Value {
    let destination = |arn: String| {
        let group = builder().text("logGroupArn", arn).build();
        builder().optional("cloudWatchLogsLogGroup", Some(group)).build().into()
    };
    let said = builder()
        .optional("level", enumerated(logging.level, pb::LogLevel::as_str_name, "LOG_LEVEL_"))
        .optional("includeExecutionData", Some(logging.include_execution_data));
    // A message can't tell an empty list from none.
    if logging.log_group_arns.is_empty() {
        return said.build().into();
    }
    said.list("destinations", logging.log_group_arns, destination).build().into()
}

fn tracing(tracing: pb::TracingConfiguration) -> Value {
    builder().optional("enabled", Some(tracing.enabled)).build().into()
}

fn encryption(encryption: pb::EncryptionConfiguration) -> Value {
    builder()
        .optional("type", enumerated(encryption.r#type, pb::EncryptionType::as_str_name, "ENCRYPTION_TYPE_"))
        .optional("kmsKeyId", encryption.kms_key_id)
        .optional("kmsDataKeyReusePeriodSeconds", encryption.kms_data_key_reuse_period_seconds.map(i64::from))
        .build()
        .into()
}

fn tag(tag: pb::Tag) -> Value {
    builder().optional("key", Some(tag.key)).optional("value", Some(tag.value)).build().into()
}

fn route(route: pb::RoutingConfiguration) -> Value {
    builder()
        .text("stateMachineVersionArn", route.state_machine_version_arn)
        .optional("weight", Some(i64::from(route.weight)))
        .build()
        .into()
}

impl Members for pb::CreateStateMachineRequest {
    fn members(self) -> Object {
        builder()
            .text("name", self.name)
            .text("definition", self.definition)
            .text("roleArn", self.role_arn)
            .optional(
                "type",
                enumerated(self.r#type, pb::StateMachineType::as_str_name, "STATE_MACHINE_TYPE_"),
            )
            .optional("loggingConfiguration", self.logging_configuration.map(logging))
            .optional("tracingConfiguration", self.tracing_configuration.map(tracing))
            .optional("encryptionConfiguration", self.encryption_configuration.map(encryption))
            .list("tags", self.tags, tag)
            .optional("publish", Some(self.publish))
            .optional("versionDescription", self.version_description)
            .build()
    }
}

impl Members for pb::UpdateStateMachineRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("definition", self.definition)
            .optional("roleArn", self.role_arn)
            .optional("loggingConfiguration", self.logging_configuration.map(logging))
            .optional("tracingConfiguration", self.tracing_configuration.map(tracing))
            .optional("encryptionConfiguration", self.encryption_configuration.map(encryption))
            .optional("publish", Some(self.publish))
            .optional("versionDescription", self.version_description)
            .build()
    }
}

impl Members for pb::PublishStateMachineVersionRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("revisionId", self.revision_id)
            .optional("description", self.description)
            .build()
    }
}

impl Members for pb::ListStateMachineVersionsRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::DeleteStateMachineVersionRequest {
    fn members(self) -> Object {
        builder().text("stateMachineVersionArn", self.state_machine_version_arn).build()
    }
}

impl Members for pb::CreateStateMachineAliasRequest {
    fn members(self) -> Object {
        builder()
            .text("name", self.name)
            .optional("description", self.description)
            .list("routingConfiguration", self.routing_configuration, route)
            .build()
    }
}

impl Members for pb::UpdateStateMachineAliasRequest {
    fn members(self) -> Object {
        let routing: Vec<_> = self.routing_configuration.into_iter().map(route).collect();
        builder()
            .text("stateMachineAliasArn", self.state_machine_alias_arn)
            .optional("description", self.description)
            .optional("routingConfiguration", Some(routing).filter(|routing| !routing.is_empty()))
            .build()
    }
}

impl Members for pb::DescribeStateMachineAliasRequest {
    fn members(self) -> Object {
        builder().text("stateMachineAliasArn", self.state_machine_alias_arn).build()
    }
}

impl Members for pb::DeleteStateMachineAliasRequest {
    fn members(self) -> Object {
        builder().text("stateMachineAliasArn", self.state_machine_alias_arn).build()
    }
}

impl Members for pb::ListStateMachineAliasesRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::CreateActivityRequest {
    fn members(self) -> Object {
        builder()
            .text("name", self.name)
            .list("tags", self.tags, tag)
            .optional("encryptionConfiguration", self.encryption_configuration.map(encryption))
            .build()
    }
}

impl Members for pb::DescribeActivityRequest {
    fn members(self) -> Object {
        builder().text("activityArn", self.activity_arn).build()
    }
}

impl Members for pb::DeleteActivityRequest {
    fn members(self) -> Object {
        builder().text("activityArn", self.activity_arn).build()
    }
}

impl Members for pb::ListActivitiesRequest {
    fn members(self) -> Object {
        builder()
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::GetActivityTaskRequest {
    fn members(self) -> Object {
        builder().text("activityArn", self.activity_arn).optional("workerName", self.worker_name).build()
    }
}

impl Members for pb::DescribeStateMachineRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("includedData", included(self.included_data))
            .build()
    }
}

impl Members for pb::DeleteStateMachineRequest {
    fn members(self) -> Object {
        builder().text("stateMachineArn", self.state_machine_arn).build()
    }
}

impl Members for pb::ListStateMachinesRequest {
    fn members(self) -> Object {
        builder()
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::ValidateStateMachineDefinitionRequest {
    fn members(self) -> Object {
        let machine_type = enumerated(self.r#type, pb::StateMachineType::as_str_name, "STATE_MACHINE_TYPE_");
        let severity = enumerated(self.severity, pb::DiagnosticSeverity::as_str_name, "DIAGNOSTIC_SEVERITY_");
        builder()
            .text("definition", self.definition)
            .optional("type", machine_type)
            .optional("severity", severity)
            .optional("maxResults", integer(self.max_results))
            .build()
    }
}

fn mock(mock: pb::MockInput) -> Value {
    let error = |error: pb::MockErrorOutput| -> Value {
        builder().optional("error", Some(error.error)).optional("cause", Some(error.cause)).build().into()
    };
    let mode = enumerated(
        mock.field_validation_mode,
        pb::FieldValidationMode::as_str_name,
        "FIELD_VALIDATION_MODE_",
    );
    builder()
        .optional("result", mock.result)
        .optional("errorOutput", mock.error_output.map(error))
        .optional("fieldValidationMode", mode)
        .build()
        .into()
}

fn state_configuration(configuration: pb::TestStateConfiguration) -> Value {
    builder()
        .optional("retrierRetryCount", configuration.retrier_retry_count.map(i64::from))
        .optional("errorCausedByState", configuration.error_caused_by_state)
        .optional("mapIterationFailureCount", configuration.map_iteration_failure_count.map(i64::from))
        .optional("mapItemReaderData", configuration.map_item_reader_data)
        .build()
        .into()
}

impl Members for pb::TestStateRequest {
    fn members(self) -> Object {
        let level = enumerated(self.inspection_level, pb::InspectionLevel::as_str_name, "INSPECTION_LEVEL_");
        builder()
            .text("definition", self.definition)
            .optional("roleArn", self.role_arn)
            .optional("input", self.input)
            .optional("inspectionLevel", level)
            .optional("revealSecrets", Some(self.reveal_secrets))
            .optional("variables", self.variables)
            .optional("stateName", self.state_name)
            .optional("mock", self.mock.map(mock))
            .optional("context", self.context)
            .optional("stateConfiguration", self.state_configuration.map(state_configuration))
            .build()
    }
}

impl Members for pb::StartExecutionRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("name", self.name)
            .optional("input", self.input)
            .optional("traceHeader", self.trace_header)
            .build()
    }
}

impl Members for pb::StartSyncExecutionRequest {
    fn members(self) -> Object {
        builder()
            .text("stateMachineArn", self.state_machine_arn)
            .optional("name", self.name)
            .optional("input", self.input)
            .optional("traceHeader", self.trace_header)
            .optional("includedData", included(self.included_data))
            .build()
    }
}

impl Members for pb::DescribeExecutionRequest {
    fn members(self) -> Object {
        builder()
            .text("executionArn", self.execution_arn)
            .optional("includedData", included(self.included_data))
            .build()
    }
}

impl Members for pb::DescribeStateMachineForExecutionRequest {
    fn members(self) -> Object {
        builder()
            .text("executionArn", self.execution_arn)
            .optional("includedData", included(self.included_data))
            .build()
    }
}

impl Members for pb::DescribeMapRunRequest {
    fn members(self) -> Object {
        builder().text("mapRunArn", self.map_run_arn).build()
    }
}

impl Members for pb::ListMapRunsRequest {
    fn members(self) -> Object {
        builder()
            .text("executionArn", self.execution_arn)
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::UpdateMapRunRequest {
    fn members(self) -> Object {
        builder()
            .text("mapRunArn", self.map_run_arn)
            .optional("maxConcurrency", self.max_concurrency.map(i64::from))
            .optional("toleratedFailurePercentage", self.tolerated_failure_percentage.and_then(number))
            .optional("toleratedFailureCount", self.tolerated_failure_count)
            .build()
    }
}

impl Members for pb::RedriveExecutionRequest {
    fn members(self) -> Object {
        builder().text("executionArn", self.execution_arn).optional("clientToken", self.client_token).build()
    }
}

impl Members for pb::StopExecutionRequest {
    fn members(self) -> Object {
        builder()
            .text("executionArn", self.execution_arn)
            .optional("error", self.error)
            .optional("cause", self.cause)
            .build()
    }
}

impl Members for pb::ListExecutionsRequest {
    fn members(self) -> Object {
        let status = enumerated(self.status_filter, pb::ExecutionStatus::as_str_name, "EXECUTION_STATUS_");
        let redriven = enumerated(self.redrive_filter, pb::RedriveFilter::as_str_name, "REDRIVE_FILTER_");
        builder()
            .optional("stateMachineArn", self.state_machine_arn)
            .optional("mapRunArn", self.map_run_arn)
            .optional("statusFilter", status)
            .optional("redriveFilter", redriven)
            .optional("maxResults", integer(self.max_results))
            .optional("nextToken", self.next_token)
            .build()
    }
}

impl Members for pb::GetExecutionHistoryRequest {
    fn members(self) -> Object {
        builder()
            .text("executionArn", self.execution_arn)
            .optional("maxResults", integer(self.max_results))
            .optional("reverseOrder", Some(self.reverse_order))
            .optional("nextToken", self.next_token)
            .optional("includeExecutionData", self.include_execution_data)
            .build()
    }
}

impl Members for pb::SendTaskSuccessRequest {
    fn members(self) -> Object {
        // An empty output is a bad JSON text, not an absent one.
        builder().text("taskToken", self.task_token).optional("output", Some(self.output)).build()
    }
}

impl Members for pb::SendTaskFailureRequest {
    fn members(self) -> Object {
        builder()
            .text("taskToken", self.task_token)
            .optional("error", self.error)
            .optional("cause", self.cause)
            .build()
    }
}

impl Members for pb::SendTaskHeartbeatRequest {
    fn members(self) -> Object {
        builder().text("taskToken", self.task_token).build()
    }
}

impl Members for pb::TagResourceRequest {
    fn members(self) -> Object {
        builder().text("resourceArn", self.resource_arn).list("tags", self.tags, tag).build()
    }
}

impl Members for pb::UntagResourceRequest {
    fn members(self) -> Object {
        builder().text("resourceArn", self.resource_arn).list("tagKeys", self.tag_keys, Value::from).build()
    }
}

impl Members for pb::ListTagsForResourceRequest {
    fn members(self) -> Object {
        builder().text("resourceArn", self.resource_arn).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_the_members_of_the_model() {
        let request = pb::CreateStateMachineRequest {
            name: "m".into(),
            definition: "{}".into(),
            r#type: pb::StateMachineType::Express.into(),
            logging_configuration: Some(pb::LoggingConfiguration {
                level: pb::LogLevel::All.into(),
                include_execution_data: true,
                log_group_arns: vec!["arn".into()],
            }),
            tags: vec![pb::Tag { key: "k".into(), value: String::new() }],
            ..Default::default()
        };
        assert_eq!(
            Value::from(request.members()).to_json(),
            r#"{"name":"m","definition":"{}","type":"EXPRESS","loggingConfiguration":{"level":"ALL","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn"}}]},"tags":[{"key":"k","value":""}],"publish":false}"#
        );
    }

    #[test]
    fn no_log_group_is_no_member() {
        let logging = logging(pb::LoggingConfiguration::default());
        assert_eq!(logging.to_json(), r#"{"includeExecutionData":false}"#);
    }

    #[test]
    fn an_unknown_enum_number_is_left_for_the_checks() {
        let request = pb::ListExecutionsRequest { status_filter: 99, max_results: -1, ..Default::default() };
        assert_eq!(Value::from(request.members()).to_json(), r#"{"statusFilter":"99","maxResults":-1}"#);
    }
}
