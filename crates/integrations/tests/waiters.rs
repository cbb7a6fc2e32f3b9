//! `.sync` on AWS SDK integrations, by the waiters of all services. `NEWEL_CATALOG` names the packed file; without it this
//! says so and passes, unless `NEWEL_REQUIRE_DATA=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use newel_asl::catalog::{Pattern, ResourceCatalog};
use newel_integrations::descriptor::Verdict;
use newel_integrations::{Integrations, Looked, ServiceError, matrix};
use newel_value::Value;
use support::integrations;

fn arn(resource: &str) -> String {
    format!("arn:aws:states:::aws-sdk:{resource}")
}

/// The describing request for a call's request and answer, all as the wire's JSON.
fn describes(all: &Integrations, resource: &str, request: &str, answer: &str) -> Result<String, String> {
    let arn = arn(resource);
    let action = all.sdk_action(&arn).map_err(|fault| fault.message)?;
    let waiter = all.waiter(&action).unwrap().unwrap();
    let (request, answer) = (Value::parse(request).unwrap(), Value::parse(answer).unwrap());
    let described = waiter.request(action.api, &action.operation.name, &request, &answer);
    described
        .map(|body| format!("{} {}", waiter.operation, body.to_json()))
        .map_err(|member| member.to_string())
}

#[test]
fn what_was_begun_is_asked_about() {
    let Some(all) = integrations() else { return };
    for (resource, request, answer, expect) in [
        // By what the request says, in three protocols.
        (
            "rds:createDBInstance.sync",
            r#"{"DBInstanceIdentifier": "d"}"#,
            "{}",
            r#"DescribeDBInstances {"DBInstanceIdentifier":"d"}"#,
        ),
        ("eks:createCluster.sync", r#"{"name": "c"}"#, "{}", r#"DescribeCluster {"name":"c"}"#),
        ("s3:createBucket.sync", r#"{"Bucket": "b"}"#, "{}", r#"HeadBucket {"Bucket":"b"}"#),
        // By what the answer says, one or many.
        (
            "ec2:createNatGateway.sync",
            "{}",
            r#"{"natGateway": {"natGatewayId": "n"}}"#,
            r#"DescribeNatGateways {"NatGatewayId":["n"]}"#,
        ),
        (
            "ec2:runInstances.sync",
            "{}",
            r#"{"instancesSet": [{"instanceId": "i"}, {"instanceId": "j"}]}"#,
            r#"DescribeInstances {"InstanceId":["i","j"]}"#,
        ),
        (
            "cloudfront:createInvalidation.sync",
            r#"{"DistributionId": "D"}"#,
            r#"{"Invalidation": {"Id": "I"}}"#,
            r#"GetInvalidation {"DistributionId":"D","Id":"I"}"#,
        ),
        ("neptunegraph:createGraph.sync", "{}", r#"{"id": "g"}"#, r#"GetGraph {"graphIdentifier":"g"}"#),
        // By the small table.
        (
            "cloudcontrol:createResource.sync",
            "{}",
            r#"{"ProgressEvent": {"RequestToken": "t"}}"#,
            r#"GetResourceRequestStatus {"RequestToken":"t"}"#,
        ),
        (
            "ecs:updateService.sync",
            "{}",
            r#"{"service": {"serviceArn": "s", "clusterArn": "c"}}"#,
            r#"DescribeServices {"cluster":"c","services":["s"]}"#,
        ),
    ] {
        assert_eq!(describes(&all, resource, request, answer).as_deref(), Ok(expect), "{resource}");
    }
    assert_eq!(describes(&all, "ec2:runInstances.sync", "{}", "{}").unwrap_err(), "InstanceIds");
}

fn verdict(all: &Integrations, resource: &str, looked: Looked<'_>) -> Option<Verdict> {
    let arn = arn(resource);
    let action = all.sdk_action(&arn).unwrap();
    all.waiter(&action).unwrap().unwrap().verdict(action.api, looked)
}

#[test]
fn answers_are_judged_as_the_sdk_judges_them() {
    use Verdict::{Failed, Running, Succeeded};
    let Some(all) = integrations() else { return };
    let instances = |states: &[&str]| {
        let one =
            |state: &&str| format!(r#"{{"instancesSet": [{{"instanceState": {{"name": "{state}"}}}}]}}"#);
        format!(r#"{{"reservationSet": [{}]}}"#, states.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let service = |running: i64| {
        format!(
            r#"{{"services": [{{"deployments": [{{}}], "runningCount": {running}, "desiredCount": 2, "status": "ACTIVE"}}]}}"#
        )
    };
    for (resource, body, expect) in [
        // path
        ("eks:createCluster.sync", r#"{"cluster": {"status": "CREATING"}}"#.to_owned(), Running),
        ("eks:createCluster.sync", r#"{"cluster": {"status": "ACTIVE"}}"#.to_owned(), Succeeded),
        ("eks:createCluster.sync", r#"{"cluster": {"status": "FAILED"}}"#.to_owned(), Failed),
        // pathAll, pathAny
        ("ec2:runInstances.sync", instances(&["running", "running"]), Succeeded),
        ("ec2:runInstances.sync", instances(&["running", "pending"]), Running),
        ("ec2:runInstances.sync", instances(&["running", "terminated"]), Failed),
        ("ec2:runInstances.sync", instances(&[]), Running),
        // A filter within a length.
        ("ecs:createService.sync", service(2), Succeeded),
        ("ecs:createService.sync", service(1), Running),
        // A status.
        ("s3:createBucket.sync", "{}".to_owned(), Succeeded),
        // The absence of an error.
        ("acmpca:issueCertificate.sync", "{}".to_owned(), Succeeded),
    ] {
        let body = Value::parse(&body).unwrap();
        let found = verdict(&all, resource, Looked::Answer { status: 200, body: &body });
        assert_eq!(found, Some(expect), "{resource}: {body}");
    }
    for (resource, code, status, expect) in [
        ("rds:deleteDBInstance.sync", "DBInstanceNotFound", 404, Some(Succeeded)),
        (
            "dynamodb:deleteTable.sync",
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            400,
            Some(Succeeded),
        ),
        ("dynamodb:createTable.sync", "ResourceNotFoundException", 400, Some(Running)),
        ("s3:createBucket.sync", "NoSuchBucket", 404, Some(Running)),
        ("s3:deleteBucket.sync", "NoSuchBucket", 404, Some(Succeeded)),
        ("acmpca:issueCertificate.sync", "RequestInProgressException", 400, Some(Running)),
        ("rds:deleteDBInstance.sync", "AccessDenied", 403, None),
    ] {
        let error = ServiceError { status, code: code.to_owned(), ..ServiceError::default() };
        assert_eq!(verdict(&all, resource, Looked::Error(&error)), expect, "{resource}: {code}");
    }
}

#[test]
fn only_what_has_a_waiter_has_sync() {
    let Some(all) = integrations() else { return };
    let resource = all.resolve(&arn("rds:createDBInstance.sync")).unwrap();
    assert_eq!((&*resource.action, resource.pattern), ("createDBInstance.sync", Pattern::Job(1)));
    assert!(!resource.express);
    let refused = |of: &Integrations, resource: &str| {
        let fault = of.resolve(&arn(resource)).unwrap_err();
        assert_eq!(
            fault.message,
            format!(
                "The resource provided {} is not recognized. The value is not a valid resource ARN, or the resource is \
                 not available in this region.",
                arn(resource)
            )
        );
    };
    for resource in [
        "rds:createDBInstance.sync:2",
        "rds:describeDBInstances.sync",
        "sqs:sendMessage.sync",
        "sagemaker:deleteImageVersion.sync",
        "gameliftstreams:startStreamSession.sync",
        "elasticloadbalancingv2:deregisterTargets.sync",
    ] {
        refused(&all, resource);
    }
    refused(&all.clone().strict(true), "rds:createDBInstance.sync");
    assert!(all.strict(true).resolve(&arn("rds:createDBInstance")).is_ok());
}

/// The page has the list as it is. `NEWEL_BLESS=1` writes it there. So every row of the small table is proved to name what
/// the models have: a row that doesn't is missing from the page.
#[test]
fn the_page_lists_them() {
    let Some(all) = integrations() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/waiters.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let begin = page.find("| service | action |").unwrap();
    let list = matrix::waiters(&all).unwrap();
    if std::env::var_os("NEWEL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{}{list}", &page[..begin])).unwrap();
        return;
    }
    assert!(page[begin..] == list, "run this test with NEWEL_BLESS=1, and read what it wrote");
    for row in [
        "| `ecs` | deleteService | ServicesInactive |",
        "| `rds` | restoreDBInstanceToPointInTime |",
        "| `dynamodb` | updateTable |",
        "| `lambda` | publishVersion |",
        "| `medialive` | startChannel | ChannelRunning |",
    ] {
        assert!(list.contains(row), "{row}");
    }
}
