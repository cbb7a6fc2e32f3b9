//! AWS SDK integrations: every action of every service but for a few
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>).

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

/// Whether a definition may name an operation that the service has.
pub(crate) fn is_supported(service: &str, operation: &str) -> bool {
    !UNSUPPORTED.iter().any(|(name, operations)| *name == service && operations.contains(&operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_operations_are_left_out() {
        assert!(is_supported("sts", "GetCallerIdentity") && is_supported("s3", "GetObject"));
        assert!(!is_supported("sts", "AssumeRole") && !is_supported("lambda", "InvokeAsync"));
        assert!(UNSUPPORTED.is_sorted());
    }
}
