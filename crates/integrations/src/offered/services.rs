//! The table: services by name, actions in AWS's order.

use newel_asl::catalog::Pattern;

use super::parameters::Parameters;
use super::rules::{self, Rule};
use super::{Action, Job, Service};

/// An action that takes what an API operation takes and gives what it answers.
const fn call(name: &'static str, api: &'static str, operation: &'static str) -> Action {
    Action {
        name,
        api: Some(api),
        parameters: Parameters::Request { operation },
        answer: Some(operation),
        job: None,
        callback: false,
        parsed: nothing_parsed,
        rules: &[],
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
        rules: &[],
    }
}

impl Action {
    /// With `.waitForTaskToken`.
    const fn callback(self) -> Self {
        Self { callback: true, ..self }
    }

    /// With rules beyond the names of its parameters.
    const fn rules(self, rules: &'static [Rule]) -> Self {
        Self { rules, ..self }
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

/// The family that serves what isn't an AWS API.
const HTTP: &str = "http";

/// The services with actions of this kind, ordered by name.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "apigateway",
        family: HTTP,
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AllowNullValues", "AuthType"],
        )
        .callback()
        .rules(rules::API_GATEWAY)],
    },
    Service {
        name: "eks",
        family: HTTP,
        actions: &[
            Action {
                job: Some(Job { second_version: false, poll: None }),
                ..own(
                    "runJob",
                    &["ClusterName", "CertificateAuthority", "Endpoint", "Job"],
                    &["Namespace", "LogOptions"],
                )
                .callback()
                .rules(rules::EKS_RUN_JOB)
            },
            own(
                "call",
                &["ClusterName", "CertificateAuthority", "Endpoint", "Method", "Path"],
                &["QueryParameters", "RequestBody"],
            )
            .callback()
            .rules(rules::EKS_CALL),
        ],
    },
    Service {
        name: HTTP,
        family: HTTP,
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Authentication", "InvocationConfig", "Headers", "QueryParameters", "RequestBody", "Transform"],
        )
        .rules(rules::HTTP_TASK)],
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
