//! The table: services by name, actions in AWS's order.

use newel_asl::catalog::Pattern;

use super::parameters::Parameters;
use super::{Action, Job, Service};

/// An action that takes what an API operation takes and gives what it answers.
const fn call(name: &'static str, api: &'static str, operation: &'static str) -> Action {
    Action {
        name,
        api: Some(api),
        parameters: Parameters::Request { operation, besides: &[] },
        answer: Some(operation),
        job: None,
        callback: false,
        parsed: nothing_parsed,
    }
}

/// An action with parameters of Step Functions' own.
const fn own(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Action {
    Action {
        name,
        api: None,
        parameters: Parameters::Own { required, optional },
        answer: None,
        job: None,
        callback: false,
        parsed: nothing_parsed,
    }
}

impl Action {
    /// With `.waitForTaskToken`.
    const fn callback(self) -> Self {
        Self { callback: true, ..self }
    }
}

fn nothing_parsed(_: Pattern) -> &'static [&'static str] {
    &[]
}

/// `.sync:2` gives the child's data as JSON, `.sync` as text.
const fn execution_data_parsed(pattern: Pattern) -> &'static [&'static str] {
    match pattern {
        Pattern::Job(2) => &["Input", "Output"],
        Pattern::Job(_) | Pattern::RequestResponse | Pattern::Callback => &[],
    }
}

/// The services that have an optimized integration and no worker, ordered by name.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "apigateway",
        family: "http",
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AllowNullValues", "AuthType"],
        )
        .callback()],
    },
    Service {
        name: "bedrockagentcore",
        family: "bedrock",
        actions: &[own(
            "invokeHarness",
            &["HarnessArn", "RuntimeSessionId", "Messages"],
            &[
                "SystemPrompt",
                "Model",
                "Tools",
                "Skills",
                "AllowedTools",
                "MaxIterations",
                "MaxTokens",
                "TimeoutSeconds",
                "ActorId",
                "Qualifier",
            ],
        )],
    },
    Service {
        name: "eks",
        family: "http",
        actions: &[
            Action {
                job: Some(Job { second_version: false, poll: None }),
                ..own(
                    "runJob",
                    &["ClusterName", "CertificateAuthority", "Endpoint", "Job"],
                    &["Namespace", "LogOptions"],
                )
                .callback()
            },
            own(
                "call",
                &["ClusterName", "CertificateAuthority", "Endpoint", "Method", "Path"],
                &["QueryParameters", "RequestBody"],
            )
            .callback(),
        ],
    },
    Service {
        name: "http",
        family: "http",
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Authentication", "InvocationConfig", "Headers", "QueryParameters", "RequestBody", "Transform"],
        )],
    },
    Service {
        name: "states",
        family: crate::families::STATES,
        actions: &[Action {
            job: Some(Job { second_version: true, poll: Some("DescribeExecution") }),
            parsed: execution_data_parsed,
            ..call("startExecution", "sfn", "StartExecution").callback()
        }],
    },
];
