//! AWS SDK integrations: every action of every service but for a few
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>).

use newel_aws_catalog::{Operation, Service, ShapeId, ShapeKind};

/// Operations that AWS lists as not supported: streams of events, operations of old that were replaced, and those by which
/// a task would take a role. By service and name.
const UNSUPPORTED: &[(&str, &[&str])] = &[
    ("applicationdiscovery", &["DescribeExportConfigurations", "ExportConfigurations"]),
    (
        "bedrockagentruntime",
        &["InvokeAgent", "InvokeFlow", "InvokeInlineAgent", "OptimizePrompt", "RetrieveAndGenerateStream"],
    ),
    ("bedrockruntime", &["ConverseStream", "InvokeModelWithResponseStream"]),
    ("cloudwatchlogs", &["StartLiveTail"]),
    (
        "codedeploy",
        &[
            "BatchGetDeploymentInstances",
            "GetDeploymentInstance",
            "ListDeploymentInstances",
            "SkipWaitTimeForInstanceTermination",
        ],
    ),
    ("comprehendmedical", &["DetectEntities"]),
    ("dataexchange", &["SendApiAsset"]),
    (
        "directconnect",
        &[
            "AllocateConnectionOnInterconnect",
            "DescribeConnectionLoa",
            "DescribeConnectionsOnInterconnect",
            "DescribeInterconnectLoa",
        ],
    ),
    ("efs", &["CreateTags"]),
    ("elastictranscoder", &["TestRole"]),
    ("emr", &["DescribeJobFlows"]),
    (
        "iot",
        &["AttachPrincipalPolicy", "DetachPrincipalPolicy", "ListPolicyPrincipals", "ListPrincipalPolicies"],
    ),
    ("iotdeviceadvisor", &["ListTestCases"]),
    ("iotsitewise", &["InvokeAssistant"]),
    ("kinesis", &["SubscribeToShard"]),
    ("lambda", &["InvokeAsync", "InvokeWithResponseStream"]),
    ("lexruntimev2", &["StartConversation"]),
    ("mediapackage", &["RotateChannelCredentials"]),
    ("qbusiness", &["Chat"]),
    ("rdsdata", &["ExecuteSql"]),
    ("s3", &["SelectObjectContent"]),
    ("s3control", &["SelectObjectContent"]),
    ("sagemakerruntime", &["InvokeEndpointWithResponseStream"]),
    ("shield", &["DeleteSubscription"]),
    ("sts", &["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]),
];

/// Whether a definition may name an operation that the service has. AWS's list is older than some services: what streams
/// events is none of it wherever it is.
pub(crate) fn is_supported(service: &Service, operation: &Operation) -> bool {
    !is_listed(service.name(), &operation.name) && !streams_events(service, operation)
}

fn is_listed(service: &str, operation: &str) -> bool {
    UNSUPPORTED.iter().any(|(name, operations)| *name == service && operations.contains(&operation))
}

fn streams_events(service: &Service, operation: &Operation) -> bool {
    let is_stream = |shape: ShapeId| matches!(&service.shape(shape).kind, ShapeKind::Structure(structure) if structure.event_stream);
    let mut shapes = operation.input.into_iter().chain(operation.output);
    shapes.any(|shape| service.members(shape).iter().any(|member| is_stream(member.shape)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_operations_are_left_out() {
        assert!(!is_listed("sts", "GetCallerIdentity") && !is_listed("s3", "GetObject"));
        assert!(is_listed("sts", "AssumeRole") && is_listed("lambda", "InvokeAsync"));
        assert!(UNSUPPORTED.is_sorted());
    }
}
