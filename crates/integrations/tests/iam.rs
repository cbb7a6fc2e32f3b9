//! The policies of definitions, with the models of all services. `NEWEL_CATALOG` names the packed file; without it this says
//! so and passes, unless `NEWEL_REQUIRE_DATA=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::LazyLock;

use newel_integrations::Integrations;
use newel_integrations::iam::{Policy, policy};
use newel_integrations::matrix::entries;
use newel_value::Value;

static INTEGRATIONS: LazyLock<Option<Integrations>> = LazyLock::new(support::integrations);

fn of(states: &str, role: Option<&str>) -> Option<Policy> {
    let definition = Value::parse(&format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#)).unwrap();
    Some(policy(INTEGRATIONS.as_ref()?, &definition, role))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// A policy in lines: actions, `on` their resources, `to` those whom roles are passed to.
fn lines(policy: &Policy) -> Vec<String> {
    let statements = policy.document.get("Statement").and_then(Value::as_array).unwrap();
    let line = |statement: &Value| {
        let (action, resource) = (statement.get("Action").unwrap(), statement.get("Resource").unwrap());
        let mut line = format!("{} on {}", texts(action).join(" "), texts(resource).join(" "));
        if let Some(to) = statement.pointer("/Condition/StringEquals/iam:PassedToService") {
            line = format!("{line} to {}", texts(to).join(" "));
        }
        line
    };
    statements.iter().map(line).collect()
}

fn task(resource: &str, parameters: &str) -> String {
    format!(
        r#""A":{{"Type":"Task","Resource":"arn:aws:states:::{resource}","Parameters":{parameters},"End":true}}"#
    )
}

#[track_caller]
fn check(states: &str, expect: &[&str]) {
    let Some(policy) = of(states, None) else { return };
    assert_eq!(lines(&policy), expect, "{states}");
}

#[test]
fn jobs_are_started_followed_and_ended() {
    let job = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#;
    check(
        &task("batch:submitJob.sync", job),
        &["batch:DescribeJobs batch:ListJobs batch:SubmitJob batch:TagResource batch:TerminateJob on *"],
    );
    // What a lost answer has it look for is needed without a job to wait for, too.
    check(
        &task("batch:submitJob", job),
        &["batch:DescribeJobs batch:ListJobs batch:SubmitJob batch:TagResource on *"],
    );
    check(
        &task("glue:startJobRun.sync", r#"{"JobName":"nightly"}"#),
        &[
            "glue:BatchStopJobRun glue:GetJobRun glue:GetJobRuns glue:StartJobRun on arn:aws:glue:*:*:job/nightly",
        ],
    );
    check(
        &task("ecs:runTask.sync", r#"{"TaskDefinition":"t"}"#),
        &["ecs:DescribeTasks ecs:RunTask ecs:StopTask on *", "iam:PassRole on * to ecs-tasks.amazonaws.com"],
    );
    check(
        &task("athena:startQueryExecution.sync", r#"{"QueryString":"select 1"}"#),
        &["athena:BatchGetQueryExecution athena:GetQueryExecution athena:StartQueryExecution \
             athena:StopQueryExecution on *"],
    );
}

#[test]
fn actions_are_about_what_iam_asks_for() {
    check(
        &task("aws-sdk:s3:copyObject", r#"{"Bucket":"to","Key":"k","CopySource":"from/k"}"#),
        &["s3:GetObject on *", "s3:PutObject on arn:aws:s3:::to/k"],
    );
    check(
        &task(
            "aws-sdk:s3:copyObject",
            r#"{"DestinationBucket":"to","DestinationKey":"k","SourceBucket":"from","SourceKey":"k","SourceVersionId.$":"$.v"}"#,
        ),
        &["s3:GetObjectVersion on arn:aws:s3:::from/k", "s3:PutObject on arn:aws:s3:::to/k"],
    );
    check(
        &task("aws-sdk:s3:getObject", r#"{"Bucket":"b","Key":"k","VersionId":"v"}"#),
        &["s3:GetObjectVersion on arn:aws:s3:::b/k"],
    );
    check(
        &task("aws-sdk:s3:deleteObject", r#"{"Bucket":"b","Key":"k","VersionId.$":"$.v"}"#),
        &["s3:DeleteObjectVersion on arn:aws:s3:::b/k"],
    );
    check(
        &task("aws-sdk:s3:putObject", r#"{"Bucket":"b","Key":"k","Tagging":"a=b","Acl.$":"$.acl"}"#),
        &["s3:PutObject s3:PutObjectAcl s3:PutObjectTagging on arn:aws:s3:::b/k"],
    );
    check(
        &task("aws-sdk:s3:deleteObjects", r#"{"Bucket":"b","Delete":{"Objects":[{"Key":"k"}]}}"#),
        &["s3:DeleteObject on arn:aws:s3:::b/*"],
    );
    check(
        &task("aws-sdk:dynamodb:query", r#"{"TableName":"t","IndexName":"i"}"#),
        &["dynamodb:Query on arn:aws:dynamodb:*:*:table/t arn:aws:dynamodb:*:*:table/t/index/i"],
    );
    check(
        &task(
            "bedrock:invokeModel",
            r#"{"ModelId":"m","Input":{"S3Uri":"s3://in/k"},"Output":{"S3Uri.$":"$.out"}}"#,
        ),
        &["bedrock:InvokeModel on *", "s3:PutObject on *", "s3:GetObject on arn:aws:s3:::in/k"],
    );
    check(&task("aws-sdk:resourcegroupstaggingapi:getResources", "{}"), &["tag:GetResources on *"]);
}

#[test]
fn roles_in_parameters_are_passed_on() {
    check(
        &task(
            "sagemaker:createTrainingJob.sync",
            r#"{"TrainingJobName":"t","RoleArn":"arn:aws:iam::111122223333:role/train"}"#,
        ),
        &[
            "sagemaker:AddTags sagemaker:CreateTrainingJob sagemaker:DescribeTrainingJob \
             sagemaker:StopTrainingJob on *",
            "iam:PassRole on arn:aws:iam::111122223333:role/train to sagemaker.amazonaws.com",
        ],
    );
    check(
        &task("aws-sdk:lambda:createFunction", r#"{"FunctionName":"f","Role.$":"$.role"}"#),
        &[
            "lambda:CreateFunction on arn:aws:lambda:*:*:function:f",
            "iam:PassRole on * to lambda.amazonaws.com",
        ],
    );
}

#[test]
fn actions_have_the_names_that_iam_has_for_them() {
    let function = "arn:aws:lambda:us-east-1:111122223333:function:f";
    check(
        &format!(r#""A":{{"Type":"Task","Resource":"{function}","End":true}}"#),
        &[&format!("lambda:InvokeFunction on {function}")],
    );
    check(&task("aws-sdk:s3:listObjectsV2", r#"{"Bucket":"b"}"#), &["s3:ListBucket on arn:aws:s3:::b"]);
    check(
        &task("aws-sdk:s3:headObject", r#"{"Bucket":"b","Key":"k"}"#),
        &["s3:GetObject on arn:aws:s3:::b/k"],
    );
    check(&task("aws-sdk:cloudwatch:putMetricData", "{}"), &["cloudwatch:PutMetricData on *"]);
    check(&task("aws-sdk:efs:describeFileSystems", "{}"), &["elasticfilesystem:DescribeFileSystems on *"]);
    check(&task("aws-sdk:apigateway:getRestApis", "{}"), &["apigateway:GET on *"]);
    check(&task("events:putEvents.waitForTaskToken", r#"{"Entries":[]}"#), &["events:PutEvents on *"]);
    check(
        &task(
            "apigateway:invoke",
            r#"{"ApiEndpoint":"a1.execute-api.us-east-1.amazonaws.com","Method":"GET","Stage":"s","AuthType":"IAM_ROLE"}"#,
        ),
        &["execute-api:Invoke on arn:aws:execute-api:*:*:a1/s/GET/*"],
    );
}

#[test]
fn maps_branches_and_what_several_states_need_come_together() {
    let inner =
        task("sqs:sendMessage", r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q"}"#);
    let put = task("dynamodb:putItem", r#"{"TableName":"t"}"#);
    let get = task("dynamodb:getItem", r#"{"TableName.$":"$.t"}"#);
    let states = format!(
        r#""A":{{"Type":"Map","ItemReader":{{"Resource":"arn:aws:states:::s3:getObject",
            "Parameters":{{"Bucket":"in","Key":"items.csv"}}}},
          "ResultWriter":{{"Resource":"arn:aws:states:::s3:putObject","Parameters":{{"Bucket":"out","Prefix":"runs"}}}},
          "ItemProcessor":{{"States":{{{inner}}}}}}},
        "B":{{"Type":"Parallel","Branches":[{{"States":{{{put}}}}},{{"States":{{{get}}}}}]}}"#
    );
    check(
        &states,
        &[
            "dynamodb:GetItem on *",
            "dynamodb:PutItem on arn:aws:dynamodb:*:*:table/t",
            "s3:GetObject on arn:aws:s3:::in/items.csv",
            "s3:PutObject on arn:aws:s3:::out/runs/*",
            "sqs:SendMessage on arn:aws:sqs:eu-west-1:111122223333:q",
        ],
    );
    let listing = |config: &str| {
        format!(
            r#""A":{{"Type":"Map","ItemReader":{{"Resource":"arn:aws:states:::s3:listObjectsV2",{config}
            "Arguments":{{"Bucket":"in","Prefix":"a/"}}}},"ItemProcessor":{{"States":{{}}}}}}"#
        )
    };
    check(&listing(""), &["s3:ListBucket on arn:aws:s3:::in"]);
    check(
        &listing(r#""ReaderConfig":{"InputType":"CSV","Transformation":"LOAD_AND_FLATTEN"},"#),
        &["s3:ListBucket on arn:aws:s3:::in", "s3:GetObject on arn:aws:s3:::in/a/*"],
    );
}

#[test]
fn other_roles_are_assumed_and_have_a_policy_of_their_own() {
    let role = "arn:aws:iam::444455556666:role/there";
    let states = format!(
        r#""A":{{"Type":"Task","Resource":"arn:aws:states:::sns:publish","Credentials":{{"RoleArn":"{role}"}},
        "Parameters":{{"TopicArn":"arn:aws:sns:us-east-1:444455556666:t"}}}},"B":{{"Type":"Task",
        "Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{{"TableName":"t"}}}}"#
    );
    let Some(own) = of(&states, None) else { return };
    assert_eq!(
        lines(&own),
        ["dynamodb:GetItem on arn:aws:dynamodb:*:*:table/t", &format!("sts:AssumeRole on {role}")]
    );
    assert!(own.notes[0].contains(role), "{:?}", own.notes);
    let there = of(&states, Some(role)).unwrap();
    assert_eq!(lines(&there), ["sns:Publish on arn:aws:sns:us-east-1:444455556666:t"]);
    assert_eq!(there.notes, Vec::<String>::new());
    let nothing = of(&states, Some("arn:aws:iam::1:role/other")).unwrap();
    assert_eq!((lines(&nothing), nothing.notes.len()), (vec![], 1));
}

#[test]
fn what_calls_nothing_in_aws_needs_nothing_and_says_so() {
    for (resource, told) in [
        ("states:startExecution.sync", "this Newel itself"),
        ("aws-sdk:sfn:listExecutions", "this Newel itself"),
        ("http:invoke", "a connection of Newel's own"),
        ("eks:call", "rights of the role in the cluster"),
        ("acme:render", "isn't known here"),
    ] {
        let Some(policy) = of(&task(resource, "{}"), None) else { return };
        assert_eq!(lines(&policy), Vec::<String>::new(), "{resource}");
        assert!(policy.notes[0].contains(told), "{:?}", policy.notes);
    }
    check(r#""A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:111122223333:activity:a"}"#, &[]);
    check(r#""A":{"Type":"Pass"},"B":7"#, &[]);
}

#[test]
fn every_action_that_a_worker_calls_aws_for_needs_something() {
    for entry in entries() {
        let service = entry.resource.split(':').nth(5).unwrap().to_owned();
        let silent = ["http", "states"].contains(&&*service);
        let cluster = ["runJob", "call"].iter().any(|action| entry.resource.ends_with(action));
        let unauthorized = service == "apigateway";
        if entry.resource.contains('{') || silent || cluster || unauthorized {
            continue;
        }
        for pattern in &entry.patterns {
            let suffix = match newel_integrations::matrix::pattern_name(*pattern) {
                "request-response" => "",
                suffix => suffix,
            };
            let resource = format!("{}{suffix}", entry.resource);
            let state = format!(r#""A":{{"Type":"Task","Resource":"{resource}","Parameters":{{}}}}"#);
            let Some(policy) = of(&state, None) else { return };
            let statements = lines(&policy);
            let action = entry.resource.rsplit(':').next().unwrap();
            assert!(!statements.is_empty(), "{resource}");
            if suffix == ".sync" {
                assert!(
                    statements[0].split(' ').count() > 3,
                    "{resource}: {statements:?} can't follow {action}"
                );
            }
        }
    }
}
