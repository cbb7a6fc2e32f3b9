//! Which IAM actions a call of an API needs (<https://docs.aws.amazon.com/service-authorization/latest/reference/>).
//!
//! Mostly an operation `SubmitJob` of a service that signs as `batch` needs `batch:SubmitJob`. These tables are the exceptions.

use newel_aws_catalog::{Operation, Service};

/// What IAM calls a service, where that isn't what requests are signed for: by the name in `aws-sdk` ARNs.
const PREFIXES: &[(&str, &str)] = &[
    ("cloudcontrol", "cloudformation"),
    ("cloudwatch", "cloudwatch"),
    ("iotdataplane", "iot"),
    ("iotjobsdataplane", "iotjobsdata"),
    ("iotsecuretunneling", "iot"),
    ("mturk", "mechanicalturk"),
    ("resourcegroupstaggingapi", "tag"),
    ("sso", "sso"),
    ("ssooidc", "sso-oauth"),
];

/// The services whose IAM actions are the methods of HTTP.
const BY_METHOD: [&str; 2] = ["apigateway", "apigatewayv2"];

/// Operations that need other actions than the one of their name: the service in `aws-sdk` ARNs, the operations, the actions.
const OTHERWISE: &[(&str, &[&str], &[&str])] = &[
    (
        "apigatewaymanagementapi",
        &["PostToConnection", "GetConnection", "DeleteConnection"],
        &["ManageConnections"],
    ),
    ("bedrockruntime", &["Converse", "StartAsyncInvoke"], &["InvokeModel"]),
    ("dynamodb", &["TransactGetItems"], &["GetItem"]),
    ("dynamodb", &["TransactWriteItems"], &["ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"]),
    (
        "dynamodb",
        &["ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"],
        &["PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate"],
    ),
    ("lambda", &["Invoke", "InvokeAsync", "InvokeWithResponseStream"], &["InvokeFunction"]),
    ("s3", &["ListObjects", "ListObjectsV2", "HeadBucket"], &["ListBucket"]),
    ("s3", &["HeadObject", "SelectObjectContent"], &["GetObject"]),
    ("s3", &["ListObjectVersions"], &["ListBucketVersions"]),
    ("s3", &["ListBuckets"], &["ListAllMyBuckets"]),
    ("s3", &["CopyObject", "UploadPartCopy"], &["PutObject"]),
    ("s3", &["GetObjectAttributes"], &["GetObject", "GetObjectAttributes"]),
    ("s3", &["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"], &["PutObject"]),
    ("s3", &["ListParts"], &["ListMultipartUploadParts"]),
    ("s3", &["ListMultipartUploads"], &["ListBucketMultipartUploads"]),
    ("s3", &["DeleteObjects"], &["DeleteObject"]),
    ("s3", &["GetBucketLifecycleConfiguration"], &["GetLifecycleConfiguration"]),
    ("s3", &["PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"], &["PutLifecycleConfiguration"]),
    ("s3", &["GetBucketEncryption"], &["GetEncryptionConfiguration"]),
    ("s3", &["PutBucketEncryption", "DeleteBucketEncryption"], &["PutEncryptionConfiguration"]),
    ("s3", &["GetBucketAccelerateConfiguration"], &["GetAccelerateConfiguration"]),
    ("s3", &["PutBucketAccelerateConfiguration"], &["PutAccelerateConfiguration"]),
    (
        "s3",
        &["GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations"],
        &["GetAnalyticsConfiguration"],
    ),
    (
        "s3",
        &["PutBucketAnalyticsConfiguration", "DeleteBucketAnalyticsConfiguration"],
        &["PutAnalyticsConfiguration"],
    ),
    (
        "s3",
        &["GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations"],
        &["GetInventoryConfiguration"],
    ),
    (
        "s3",
        &["PutBucketInventoryConfiguration", "DeleteBucketInventoryConfiguration"],
        &["PutInventoryConfiguration"],
    ),
    (
        "s3",
        &["GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations"],
        &["GetMetricsConfiguration"],
    ),
    (
        "s3",
        &["PutBucketMetricsConfiguration", "DeleteBucketMetricsConfiguration"],
        &["PutMetricsConfiguration"],
    ),
    (
        "s3",
        &["GetBucketIntelligentTieringConfiguration", "ListBucketIntelligentTieringConfigurations"],
        &["GetIntelligentTieringConfiguration"],
    ),
    (
        "s3",
        &["PutBucketIntelligentTieringConfiguration", "DeleteBucketIntelligentTieringConfiguration"],
        &["PutIntelligentTieringConfiguration"],
    ),
    ("s3", &["DeleteBucketOwnershipControls"], &["PutBucketOwnershipControls"]),
    ("s3", &["GetBucketReplication"], &["GetReplicationConfiguration"]),
    ("s3", &["PutBucketReplication", "DeleteBucketReplication"], &["PutReplicationConfiguration"]),
    ("s3", &["GetBucketCors"], &["GetBucketCORS"]),
    ("s3", &["PutBucketCors", "DeleteBucketCors"], &["PutBucketCORS"]),
    ("s3", &["DeleteBucketTagging"], &["PutBucketTagging"]),
    ("s3", &["GetBucketNotificationConfiguration"], &["GetBucketNotification"]),
    ("s3", &["PutBucketNotificationConfiguration"], &["PutBucketNotification"]),
    ("s3", &["GetPublicAccessBlock"], &["GetBucketPublicAccessBlock"]),
    ("s3", &["PutPublicAccessBlock", "DeletePublicAccessBlock"], &["PutBucketPublicAccessBlock"]),
    ("s3", &["GetObjectLockConfiguration"], &["GetBucketObjectLockConfiguration"]),
    ("s3", &["PutObjectLockConfiguration"], &["PutBucketObjectLockConfiguration"]),
    ("sns", &["PublishBatch"], &["Publish"]),
    ("sqs", &["SendMessageBatch"], &["SendMessage"]),
    ("sqs", &["DeleteMessageBatch"], &["DeleteMessage"]),
    ("sqs", &["ChangeMessageVisibilityBatch"], &["ChangeMessageVisibility"]),
];

/// What tagging needs that a start call does on the side: the service in `aws-sdk` ARNs, and the action.
const TAGGING: &[(&str, &str)] = &[
    ("batch", "TagResource"),
    ("bedrock", "TagResource"),
    ("databrew", "TagResource"),
    ("ecs", "TagResource"),
    ("eks", "TagResource"),
    ("emr", "AddTags"),
    ("emrcontainers", "TagResource"),
    ("emrserverless", "TagResource"),
    ("mediaconvert", "TagResource"),
    ("sagemaker", "AddTags"),
];

/// The operations besides those of a table that find out what a lost start call did: the service in `aws-sdk` ARNs, and the
/// operation.
pub(super) const SEARCHES: &[(&str, &str)] = &[("batch", "ListJobs")];

/// The services that start calls pass roles to: the service in `aws-sdk` ARNs, and the principals. Others aren't narrowed
/// down.
const PASSED_TO: &[(&str, &[&str])] = &[
    ("bedrock", &["bedrock.amazonaws.com"]),
    ("codebuild", &["codebuild.amazonaws.com"]),
    ("ecs", &["ecs-tasks.amazonaws.com"]),
    ("eks", &["ec2.amazonaws.com", "eks-fargate-pods.amazonaws.com", "eks.amazonaws.com"]),
    (
        "emr",
        &["application-autoscaling.amazonaws.com", "ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"],
    ),
    ("emrserverless", &["emr-serverless.amazonaws.com"]),
    ("lambda", &["lambda.amazonaws.com"]),
    ("mediaconvert", &["mediaconvert.amazonaws.com"]),
    ("sagemaker", &["sagemaker.amazonaws.com"]),
];

fn found<T: Copy>(table: &[(&str, T)], service: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == service).map(|(_, value)| *value)
}

/// What IAM calls a service: `batch`.
pub(super) fn prefix(api: &Service) -> &str {
    found(PREFIXES, api.name()).unwrap_or(&api.metadata().signing_name)
}

/// The actions that a call needs, with their prefix.
pub(super) fn of_call(api: &Service, operation: &Operation) -> Vec<String> {
    let prefix = prefix(api);
    if BY_METHOD.contains(&api.name()) {
        return vec![format!("{prefix}:{}", operation.http.method)];
    }
    let otherwise = OTHERWISE
        .iter()
        .find(|(service, operations, _)| *service == api.name() && operations.contains(&&*operation.name));
    match otherwise {
        Some((.., actions)) => actions.iter().map(|action| format!("{prefix}:{action}")).collect(),
        None => vec![format!("{prefix}:{}", operation.name)],
    }
}

/// Members of S3's calls with which IAM asks for more: operations, member, action.
const BESIDES: &[(&[&str], &str, &str)] = &[
    (WRITES, "Tagging", "PutObjectTagging"),
    (WRITES, "Acl", "PutObjectAcl"),
    (WRITES, "GrantFullControl", "PutObjectAcl"),
    (WRITES, "GrantRead", "PutObjectAcl"),
    (WRITES, "GrantReadACP", "PutObjectAcl"),
    (WRITES, "GrantWriteACP", "PutObjectAcl"),
    (WRITES, "ObjectLockMode", "PutObjectRetention"),
    (WRITES, "ObjectLockRetainUntilDate", "PutObjectRetention"),
    (WRITES, "ObjectLockLegalHoldStatus", "PutObjectLegalHold"),
    (
        &["DeleteObject", "DeleteObjects", "PutObjectRetention"],
        "BypassGovernanceRetention",
        "BypassGovernanceRetention",
    ),
];

/// The operations that make an object.
const WRITES: &[&str] = &["CopyObject", "CreateMultipartUpload", "PutObject"];

/// The actions that are others where a call names a version of its object.
const OF_VERSIONS: &[(&str, &str)] = &[
    ("DeleteObject", "DeleteObjectVersion"),
    ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    ("GetObject", "GetObjectVersion"),
    ("GetObjectAcl", "GetObjectVersionAcl"),
    ("GetObjectAttributes", "GetObjectVersionAttributes"),
    ("GetObjectTagging", "GetObjectVersionTagging"),
    ("PutObjectAcl", "PutObjectVersionAcl"),
    ("PutObjectTagging", "PutObjectVersionTagging"),
];

/// The actions that a call of S3 needs that gives these members.
pub(super) fn of_s3(api: &Service, operation: &Operation, gives: impl Fn(&str) -> bool) -> Vec<String> {
    let of_version = |action: String| {
        let bare = action.strip_prefix("s3:").filter(|_| gives("VersionId"));
        let version = bare.and_then(|bare| found(OF_VERSIONS, bare));
        version.map_or(action, |version| format!("s3:{version}"))
    };
    let besides = BESIDES
        .iter()
        .filter(|(operations, member, _)| operations.contains(&&*operation.name) && gives(member));
    let mut actions: Vec<String> = of_call(api, operation).into_iter().map(of_version).collect();
    actions.extend(besides.map(|(.., action)| format!("s3:{action}")));
    actions
}

/// The action that tags on the side need.
pub(super) fn of_tags(api: &Service) -> Option<String> {
    found(TAGGING, api.name()).map(|action| format!("{}:{action}", prefix(api)))
}

/// The principals that a service's start calls pass roles to; none if they aren't known.
pub(super) fn passed_to(api: &Service) -> &'static [&'static str] {
    found(PASSED_TO, api.name()).unwrap_or_default()
}
