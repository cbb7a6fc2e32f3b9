//! The operations and their members, from the model of the API (version 2016-11-23).

use super::{Max, Member, Pattern, Shape, Text};

/// One operation a row: its name and the members of its request.
macro_rules! operations {
    ($($name:ident: $members:ident,)*) => {
        /// An operation of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($name,)*
        }

        impl Operation {
            /// All of them.
            pub(crate) const ALL: [Self; 37] = [$(Self::$name,)*];

            const fn model(self) -> (&'static str, &'static [Member]) {
                match self {
                    $(Self::$name => (stringify!($name), $members),)*
                }
            }
        }
    };
}

operations! {
    CreateActivity: CREATE_ACTIVITY,
    CreateStateMachine: CREATE_STATE_MACHINE,
    CreateStateMachineAlias: CREATE_ALIAS,
    DeleteActivity: ACTIVITY,
    DeleteStateMachine: STATE_MACHINE,
    DeleteStateMachineAlias: ALIAS_ARN,
    DeleteStateMachineVersion: VERSION,
    DescribeActivity: ACTIVITY,
    DescribeExecution: DESCRIBE_EXECUTION,
    DescribeMapRun: MAP_RUN,
    DescribeStateMachine: DESCRIBE_STATE_MACHINE,
    DescribeStateMachineAlias: ALIAS_ARN,
    DescribeStateMachineForExecution: DESCRIBE_EXECUTION,
    GetActivityTask: GET_ACTIVITY_TASK,
    GetExecutionHistory: GET_EXECUTION_HISTORY,
    ListActivities: LIST,
    ListExecutions: LIST_EXECUTIONS,
    ListMapRuns: LIST_MAP_RUNS,
    ListStateMachineAliases: LIST_OF_STATE_MACHINE,
    ListStateMachineVersions: LIST_OF_STATE_MACHINE,
    ListStateMachines: LIST,
    ListTagsForResource: LIST_TAGS,
    PublishStateMachineVersion: PUBLISH_VERSION,
    RedriveExecution: REDRIVE_EXECUTION,
    SendTaskFailure: SEND_TASK_FAILURE,
    SendTaskHeartbeat: SEND_TASK_HEARTBEAT,
    SendTaskSuccess: SEND_TASK_SUCCESS,
    StartExecution: START_EXECUTION,
    StartSyncExecution: START_SYNC_EXECUTION,
    StopExecution: STOP_EXECUTION,
    TagResource: TAG_RESOURCE,
    TestState: TEST_STATE,
    UntagResource: UNTAG_RESOURCE,
    UpdateMapRun: UPDATE_MAP_RUN,
    UpdateStateMachine: UPDATE_STATE_MACHINE,
    UpdateStateMachineAlias: UPDATE_ALIAS,
    ValidateStateMachineDefinition: VALIDATE_DEFINITION,
}

impl Operation {
    /// The operation of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        self.model().0
    }

    /// Whether its answer waits for something to happen: an Express execution's end, an activity's task.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::StartSyncExecution | Self::GetActivityTask)
    }

    /// The members of its request.
    pub(crate) const fn members(self) -> &'static [Member] {
        self.model().1
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
const PRINTABLE: Pattern =
    Pattern { text: "[!-~]+", fits: |token| token.bytes().all(|byte| byte.is_ascii_graphic()) };
const CLIENT_TOKEN: Shape = Shape::Text(Text { pattern: Some(&PRINTABLE), ..Text::sized(1, 64) });
const ASCII: Pattern = Pattern { text: "\\p{ASCII}*", fits: str::is_ascii };
const TRACE_HEADER: Shape = Shape::Text(Text { pattern: Some(&ASCII), ..Text::sized(0, 256) });
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

const ROUTE: Shape = Shape::Structure(&[
    required("stateMachineVersionArn", &ARN),
    required("weight", &Shape::Integer { min: 0, max: 100 }),
]);
const ROUTING: Shape = Shape::Bounded { member: ("RoutingConfigurationListItem", &ROUTE), min: 1, max: 2 };
const ALIAS: Pattern = Pattern {
    text: "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
    fits: |name| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            && !name.bytes().all(|b| b.is_ascii_digit())
    },
};
const ALIAS_NAME: Shape = Shape::Text(Text { pattern: Some(&ALIAS), ..Text::sized(1, 80) });
const INSPECTION_LEVEL: Shape = Shape::Text(Text::one_of(&["INFO", "DEBUG", "TRACE"]));
const MOCK: Shape = Shape::Structure(&[
    optional("result", &OUTPUT),
    optional("errorOutput", &Shape::Structure(&[optional("error", &ERROR), optional("cause", &CAUSE)])),
    optional("fieldValidationMode", &Shape::Text(Text::one_of(&["STRICT", "PRESENT", "NONE"]))),
]);
const STATE_CONFIGURATION: Shape = Shape::Structure(&[
    optional("retrierRetryCount", &Shape::Integer { min: 0, max: i32::MAX as i64 }),
    optional("errorCausedByState", &Shape::Text(Text::sized(1, 80))),
    optional("mapIterationFailureCount", &Shape::Integer { min: 0, max: i32::MAX as i64 }),
    optional("mapItemReaderData", &OUTPUT),
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
const LIST: &[Member] = &[optional("maxResults", &PAGE_SIZE), optional("nextToken", &PAGE_TOKEN)];
const LIST_OF_STATE_MACHINE: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("nextToken", &PAGE_TOKEN),
    optional("maxResults", &PAGE_SIZE),
];
const LIST_MAP_RUNS: &[Member] =
    &[required("executionArn", &ARN), optional("maxResults", &PAGE_SIZE), optional("nextToken", &PAGE_TOKEN)];
const MAP_RUN: &[Member] = &[required("mapRunArn", &LONG_ARN)];
const UPDATE_MAP_RUN: &[Member] = &[
    required("mapRunArn", &LONG_ARN),
    optional("maxConcurrency", &Shape::Integer { min: 0, max: i32::MAX as i64 }),
    optional("toleratedFailurePercentage", &Shape::Float { min: 0.0, max: 100.0 }),
    optional("toleratedFailureCount", &Shape::Integer { min: 0, max: i64::MAX }),
];
const PUBLISH_VERSION: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("revisionId", &Shape::Text(Text::sized(0, 256))),
    optional("description", &VERSION_DESCRIPTION),
];
const VERSION: &[Member] = &[required("stateMachineVersionArn", &LONG_ARN)];
const CREATE_ALIAS: &[Member] = &[
    optional("description", &VERSION_DESCRIPTION),
    required("name", &ALIAS_NAME),
    required("routingConfiguration", &ROUTING),
];
const UPDATE_ALIAS: &[Member] = &[
    required("stateMachineAliasArn", &ARN),
    optional("description", &VERSION_DESCRIPTION),
    optional("routingConfiguration", &ROUTING),
];
const ALIAS_ARN: &[Member] = &[required("stateMachineAliasArn", &ARN)];
const CREATE_ACTIVITY: &[Member] =
    &[required("name", &NAME), optional("tags", &TAGS), optional("encryptionConfiguration", &ENCRYPTION)];
const ACTIVITY: &[Member] = &[required("activityArn", &ARN)];
const GET_ACTIVITY_TASK: &[Member] = &[required("activityArn", &ARN), optional("workerName", &NAME)];
const REDRIVE_EXECUTION: &[Member] =
    &[required("executionArn", &ARN), optional("clientToken", &CLIENT_TOKEN)];
const START_SYNC_EXECUTION: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("name", &NAME),
    optional("input", &INPUT),
    optional("traceHeader", &TRACE_HEADER),
    optional("includedData", &INCLUDED_DATA),
];
const TEST_STATE: &[Member] = &[
    required("definition", &DEFINITION),
    optional("roleArn", &ARN),
    optional("input", &INPUT),
    optional("inspectionLevel", &INSPECTION_LEVEL),
    optional("revealSecrets", &BOOLEAN),
    optional("variables", &Shape::Text(Text::sensitive(0, Max::Characters(262_144)))),
    optional("stateName", &Shape::Text(Text::sized(1, 80))),
    optional("mock", &MOCK),
    optional("context", &Shape::Text(Text::sensitive(0, Max::Payload))),
    optional("stateConfiguration", &STATE_CONFIGURATION),
];
const VALIDATE_DEFINITION: &[Member] = &[
    required("definition", &DEFINITION),
    optional("type", &MACHINE_TYPE),
    optional("severity", &Shape::Text(Text::one_of(&["ERROR", "WARNING"]))),
    optional("maxResults", &Shape::Integer { min: 0, max: 100 }),
];
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
        let mut names: Vec<_> = Operation::ALL.iter().map(|o| o.name()).collect();
        assert!(names.is_sorted(), "in alphabetical order, so that a row is easily found");
        names.dedup();
        assert_eq!(names.len(), 37);
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.name()), Some(operation));
        }
        assert_eq!(Operation::parse("createStateMachine"), None);
    }
}
