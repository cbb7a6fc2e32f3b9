//! The operations and their members, from the model of the API (version 2016-11-23).

use super::{Max, Member, Shape, Text};

/// An operation that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateStateMachine,
    DeleteStateMachine,
    DescribeExecution,
    DescribeStateMachine,
    DescribeStateMachineForExecution,
    GetExecutionHistory,
    ListExecutions,
    ListStateMachines,
    ListTagsForResource,
    SendTaskFailure,
    SendTaskHeartbeat,
    SendTaskSuccess,
    StartExecution,
    StopExecution,
    TagResource,
    UntagResource,
    UpdateStateMachine,
}

/// Operations of the API that aren't served.
const UNSERVED: [&str; 20] = [
    "CreateActivity",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeMapRun",
    "DescribeStateMachineAlias",
    "GetActivityTask",
    "ListActivities",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "StartSyncExecution",
    "TestState",
    "UpdateMapRun",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// Whether the API has an operation of that name that isn't served.
pub(crate) fn is_known(name: &str) -> bool {
    UNSERVED.contains(&name)
}

impl Operation {
    /// All that are served.
    pub(crate) const ALL: [Self; 17] = [
        Self::CreateStateMachine,
        Self::DeleteStateMachine,
        Self::DescribeExecution,
        Self::DescribeStateMachine,
        Self::DescribeStateMachineForExecution,
        Self::GetExecutionHistory,
        Self::ListExecutions,
        Self::ListStateMachines,
        Self::ListTagsForResource,
        Self::SendTaskFailure,
        Self::SendTaskHeartbeat,
        Self::SendTaskSuccess,
        Self::StartExecution,
        Self::StopExecution,
        Self::TagResource,
        Self::UntagResource,
        Self::UpdateStateMachine,
    ];

    /// The operation of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        self.model().0
    }

    /// The members of its request.
    pub(crate) const fn members(self) -> &'static [Member] {
        self.model().1
    }

    const fn model(self) -> (&'static str, &'static [Member]) {
        match self {
            Self::CreateStateMachine => ("CreateStateMachine", CREATE_STATE_MACHINE),
            Self::DeleteStateMachine => ("DeleteStateMachine", STATE_MACHINE),
            Self::DescribeExecution => ("DescribeExecution", DESCRIBE_EXECUTION),
            Self::DescribeStateMachine => ("DescribeStateMachine", DESCRIBE_STATE_MACHINE),
            Self::DescribeStateMachineForExecution => {
                ("DescribeStateMachineForExecution", DESCRIBE_EXECUTION)
            }
            Self::GetExecutionHistory => ("GetExecutionHistory", GET_EXECUTION_HISTORY),
            Self::ListExecutions => ("ListExecutions", LIST_EXECUTIONS),
            Self::ListStateMachines => ("ListStateMachines", LIST_STATE_MACHINES),
            Self::ListTagsForResource => ("ListTagsForResource", LIST_TAGS),
            Self::SendTaskFailure => ("SendTaskFailure", SEND_TASK_FAILURE),
            Self::SendTaskHeartbeat => ("SendTaskHeartbeat", SEND_TASK_HEARTBEAT),
            Self::SendTaskSuccess => ("SendTaskSuccess", SEND_TASK_SUCCESS),
            Self::StartExecution => ("StartExecution", START_EXECUTION),
            Self::StopExecution => ("StopExecution", STOP_EXECUTION),
            Self::TagResource => ("TagResource", TAG_RESOURCE),
            Self::UntagResource => ("UntagResource", UNTAG_RESOURCE),
            Self::UpdateStateMachine => ("UpdateStateMachine", UPDATE_STATE_MACHINE),
        }
    }
}

const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

const ARN: Shape = Shape::Text(Text::sized(1, 256));
const LONG_ARN: Shape = Shape::Text(Text::sized(1, 2_000));
const NAME: Shape = Shape::Text(Text::sized(1, 80));
const BOOLEAN: Shape = Shape::Boolean;
const DEFINITION: Shape = Shape::Text(Text::sensitive(1, Max::Definition));
const INPUT: Shape = Shape::Text(Text::sensitive(0, Max::Unchecked));
const OUTPUT: Shape = Shape::Text(Text::sensitive(0, Max::Payload));
const ERROR: Shape = Shape::Text(Text::sensitive(0, Max::Characters(256)));
const CAUSE: Shape = Shape::Text(Text::sensitive(0, Max::Characters(32_768)));
const TASK_TOKEN: Shape = Shape::Text(Text::sensitive(1, Max::Characters(2_048)));
const PAGE_SIZE: Shape = Shape::Integer { min: 0, max: 1_000 };
const PAGE_TOKEN: Shape = Shape::Text(Text::sized(1, 1_024));
const LONG_PAGE_TOKEN: Shape = Shape::Text(Text::sized(1, 3_096));
const VERSION_DESCRIPTION: Shape = Shape::Text(Text::sensitive(0, Max::Characters(256)));
const TRACE_HEADER: Shape = Shape::Text(Text { ascii: true, ..Text::sized(0, 256) });
const MACHINE_TYPE: Shape = Shape::Text(Text::one_of(&["STANDARD", "EXPRESS"]));
const INCLUDED_DATA: Shape = Shape::Text(Text::one_of(&["ALL_DATA", "METADATA_ONLY"]));
const REDRIVE_FILTER: Shape = Shape::Text(Text::one_of(&["REDRIVEN", "NOT_REDRIVEN"]));
/// In the order in which AWS lists them.
const STATUS: Shape =
    Shape::Text(Text::one_of(&["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"]));

const TAG: Shape = Shape::Structure(&[
    optional("key", &Shape::Text(Text::sized(1, 128))),
    optional("value", &Shape::Text(Text::sized(0, 256))),
]);
const TAGS: Shape = Shape::List(&TAG);
const TAG_KEYS: Shape = Shape::List(&Shape::Text(Text::sized(1, 128)));

const LOG_GROUP: Shape = Shape::Structure(&[optional("logGroupArn", &ARN)]);
const LOG_DESTINATION: Shape = Shape::Structure(&[optional("cloudWatchLogsLogGroup", &LOG_GROUP)]);
const LOGGING: Shape = Shape::Structure(&[
    optional("level", &Shape::Text(Text::one_of(&["ALL", "ERROR", "FATAL", "OFF"]))),
    optional("includeExecutionData", &BOOLEAN),
    optional("destinations", &Shape::List(&LOG_DESTINATION)),
]);
const TRACING: Shape = Shape::Structure(&[optional("enabled", &BOOLEAN)]);
const ENCRYPTION: Shape = Shape::Structure(&[
    optional("kmsKeyId", &Shape::Text(Text::sized(1, 2_048))),
    optional("kmsDataKeyReusePeriodSeconds", &Shape::Integer { min: 60, max: 900 }),
    required("type", &Shape::Text(Text::one_of(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]))),
]);

const CREATE_STATE_MACHINE: &[Member] = &[
    required("name", &NAME),
    required("definition", &DEFINITION),
    required("roleArn", &ARN),
    optional("type", &MACHINE_TYPE),
    optional("loggingConfiguration", &LOGGING),
    optional("tags", &TAGS),
    optional("tracingConfiguration", &TRACING),
    optional("publish", &BOOLEAN),
    optional("versionDescription", &VERSION_DESCRIPTION),
    optional("encryptionConfiguration", &ENCRYPTION),
];
const UPDATE_STATE_MACHINE: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("definition", &DEFINITION),
    optional("roleArn", &ARN),
    optional("loggingConfiguration", &LOGGING),
    optional("tracingConfiguration", &TRACING),
    optional("publish", &BOOLEAN),
    optional("versionDescription", &VERSION_DESCRIPTION),
    optional("encryptionConfiguration", &ENCRYPTION),
];
const STATE_MACHINE: &[Member] = &[required("stateMachineArn", &ARN)];
const DESCRIBE_STATE_MACHINE: &[Member] =
    &[required("stateMachineArn", &ARN), optional("includedData", &INCLUDED_DATA)];
const DESCRIBE_EXECUTION: &[Member] =
    &[required("executionArn", &ARN), optional("includedData", &INCLUDED_DATA)];
const LIST_STATE_MACHINES: &[Member] =
    &[optional("maxResults", &PAGE_SIZE), optional("nextToken", &PAGE_TOKEN)];
const START_EXECUTION: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("name", &NAME),
    optional("input", &INPUT),
    optional("traceHeader", &TRACE_HEADER),
];
const STOP_EXECUTION: &[Member] =
    &[required("executionArn", &ARN), optional("error", &ERROR), optional("cause", &CAUSE)];
const LIST_EXECUTIONS: &[Member] = &[
    optional("stateMachineArn", &ARN),
    optional("statusFilter", &STATUS),
    optional("maxResults", &PAGE_SIZE),
    optional("nextToken", &LONG_PAGE_TOKEN),
    optional("mapRunArn", &LONG_ARN),
    optional("redriveFilter", &REDRIVE_FILTER),
];
const GET_EXECUTION_HISTORY: &[Member] = &[
    required("executionArn", &ARN),
    optional("maxResults", &PAGE_SIZE),
    optional("reverseOrder", &BOOLEAN),
    optional("nextToken", &PAGE_TOKEN),
    optional("includeExecutionData", &BOOLEAN),
];
const SEND_TASK_SUCCESS: &[Member] = &[required("taskToken", &TASK_TOKEN), required("output", &OUTPUT)];
const SEND_TASK_FAILURE: &[Member] =
    &[required("taskToken", &TASK_TOKEN), optional("error", &ERROR), optional("cause", &CAUSE)];
const SEND_TASK_HEARTBEAT: &[Member] = &[required("taskToken", &TASK_TOKEN)];
const TAG_RESOURCE: &[Member] = &[required("resourceArn", &ARN), required("tags", &TAGS)];
const UNTAG_RESOURCE: &[Member] = &[required("resourceArn", &ARN), required("tagKeys", &TAG_KEYS)];
const LIST_TAGS: &[Member] = &[required("resourceArn", &ARN)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_37_of_the_api() {
        let mut names: Vec<_> = Operation::ALL.iter().map(|o| o.name()).chain(UNSERVED).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 37);
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.name()), Some(operation));
            assert!(!is_known(operation.name()));
        }
        assert_eq!(Operation::parse("createStateMachine"), None);
    }
}
