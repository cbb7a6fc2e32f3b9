//! The tables against AWS's own table of optimized integrations, cell by cell, and against the page that shows them.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>

use std::path::Path;

use newel_integrations::matrix::{entries, markdown, pattern_name, rows};

/// Service, actions with `.sync`, actions with `.waitForTaskToken`, all actions.
type Cells = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const AWS: &[Cells] = &[
    ("apigateway", &[], &["invoke"], &["invoke"]),
    ("athena", &["startQueryExecution"], &[],
        &["startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"]),
    ("batch", &["submitJob"], &[], &["submitJob"]),
    ("bedrock", &["createModelCustomizationJob"], &["invokeModel"], &["invokeModel", "createModelCustomizationJob"]),
    ("bedrockagentcore", &[], &[], &["invokeHarness"]),
    ("codebuild", &["startBuild", "startBuildBatch"], &[],
        &["startBuild", "stopBuild", "batchDeleteBuilds", "batchGetReports", "startBuildBatch", "stopBuildBatch",
          "retryBuildBatch", "deleteBuildBatch"]),
    ("databrew", &["startJobRun"], &[], &["startJobRun"]),
    ("dynamodb", &[], &[], &["getItem", "putItem", "updateItem", "deleteItem"]),
    ("ecs", &["runTask"], &["runTask"], &["runTask"]),
    ("eks",
        &["createCluster", "deleteCluster", "createFargateProfile", "deleteFargateProfile", "createNodegroup",
          "deleteNodegroup", "runJob"],
        &["runJob", "call"],
        &["createCluster", "deleteCluster", "createFargateProfile", "deleteFargateProfile", "createNodegroup",
          "deleteNodegroup", "runJob", "call"]),
    ("elasticmapreduce", &["createCluster", "terminateCluster", "addStep"], &[],
        &["createCluster", "terminateCluster", "addStep", "cancelStep", "setClusterTerminationProtection",
          "modifyInstanceFleetByName", "modifyInstanceGroupByName"]),
    ("emr-containers", &["startJobRun", "deleteVirtualCluster"], &[],
        &["createVirtualCluster", "deleteVirtualCluster", "startJobRun"]),
    ("emr-serverless",
        &["createApplication", "startApplication", "stopApplication", "deleteApplication", "startJobRun", "cancelJobRun"],
        &[],
        &["createApplication", "startApplication", "stopApplication", "deleteApplication", "startJobRun", "cancelJobRun"]),
    ("events", &[], &["putEvents"], &["putEvents"]),
    ("glue", &["startJobRun"], &[], &["startJobRun"]),
    ("http", &[], &[], &["invoke"]),
    ("lambda", &[], &["invoke"], &["invoke"]),
    ("mediaconvert", &["createJob"], &[], &["createJob"]),
    ("sagemaker",
        &["createTrainingJob", "createTransformJob", "createProcessingJob", "createHyperParameterTuningJob",
          "createLabelingJob"],
        &[],
        &["createTrainingJob", "createTransformJob", "createProcessingJob", "createHyperParameterTuningJob",
          "createLabelingJob", "createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"]),
    ("sns", &[], &["publish"], &["publish"]),
    ("sqs", &[], &["sendMessage"], &["sendMessage"]),
    ("states", &["startExecution"], &["startExecution"], &["startExecution"]),
];

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

#[test]
fn every_cell_is_aws_own() {
    let rows = rows();
    let services: Vec<&str> = rows.iter().map(|row| row.service).collect();
    assert_eq!(services, AWS.iter().map(|cells| cells.0).collect::<Vec<_>>());
    for (row, (service, jobs, callbacks, actions)) in rows.iter().zip(AWS) {
        assert_eq!(sorted(&row.actions), sorted(actions), "{service}");
        assert_eq!(sorted(&row.jobs), sorted(jobs), "{service} .sync");
        assert_eq!(sorted(&row.callbacks), sorted(callbacks), "{service} .waitForTaskToken");
    }
}

/// The page has the table as it is. `NEWEL_BLESS=1` writes it there.
#[test]
fn the_page_shows_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/integrations.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let begin = page.find("| service | worker |").unwrap();
    let end = begin + page[begin..].find("\n\n").unwrap() + 1;
    if std::env::var_os("NEWEL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{}{}{}", &page[..begin], markdown(), &page[end..])).unwrap();
        return;
    }
    assert_eq!(&page[begin..end], markdown(), "run this test with NEWEL_BLESS=1, and read what it wrote");
}

#[test]
fn each_action_is_an_entry_with_its_patterns_and_family() {
    let entries = entries();
    let actions: usize = AWS.iter().map(|(.., all)| all.len()).sum();
    assert_eq!(
        entries.len(),
        actions + 3,
        "and those of the AWS SDK, with a waiter too, and of functions by their own ARN"
    );
    let find = |resource: &str| {
        let entry = entries.iter().find(|entry| entry.resource == resource);
        let entry = entry.unwrap_or_else(|| panic!("{resource}"));
        (entry.family, entry.patterns.iter().map(|p| pattern_name(*p)).collect::<Vec<_>>())
    };
    let check = |resource, family, patterns: &[&str]| assert_eq!(find(resource), (family, patterns.to_vec()));
    check("arn:aws:states:::batch:submitJob", "batch", &["request-response", ".sync"]);
    check("arn:aws:states:::sqs:sendMessage", "messaging", &["request-response", ".waitForTaskToken"]);
    check(
        "arn:aws:states:::states:startExecution",
        "states",
        &["request-response", ".sync", ".sync:2", ".waitForTaskToken"],
    );
    check("arn:aws:states:::bedrockagentcore:invokeHarness", "bedrock", &["request-response"]);
    check("arn:aws:states:::aws-sdk:{SERVICE}:{ACTION}", "sdk", &["request-response", ".waitForTaskToken"]);
}
