//! What is called without a job: payloads, messages, events, lookups, and failures inside answers of success.

use std::sync::Arc;

use crate::scripted::{Answer, World, attempt};
use newel_value::Value;
use newel_worker::{Adapter as _, Attempt, Failure, Pattern, Reconciled, Submission};

/// The outcome of a request-response task, without metadata, and what was sent for it.
async fn called(
    resource: &str,
    parameters: &str,
    answers: impl IntoIterator<Item = Answer>,
) -> (Result<String, Failure>, Vec<String>) {
    let attempt = attempt(resource, Pattern::RequestResponse, parameters);
    let world = World::new();
    world.script(answers);
    let submission = world.adapter(resource).await.submit(&attempt).await;
    (outcome(submission), world.sent(&attempt))
}

fn outcome(submission: Submission) -> Result<String, Failure> {
    match submission {
        Submission::Finished(output) => Ok(shown(output.value())),
        Submission::Failed(failure) => Err(failure),
        other => panic!("{other:?}"),
    }
}

fn shown(output: &Value) -> String {
    let Value::Object(members) = output else { return output.to_json() };
    let members = members.iter().filter(|(name, _)| !name.starts_with("Sdk"));
    let members: newel_value::Object =
        members.map(|(name, value)| (Arc::clone(name), value.clone())).collect();
    Value::from(members).to_json()
}

#[tokio::test]
async fn functions_take_and_give_json() {
    // "eyJhIjoxfQ==" is {"a":1}, "Im9rIg==" is "ok", "bm90IGpzb24=" isn't JSON.
    let (result, sent) = called(
        "lambda:invoke",
        r#"{"FunctionName":"f","Payload":{"a":1},"Qualifier":"live"}"#,
        [Answer::of(r#"{"StatusCode":200,"ExecutedVersion":"1","Payload":"eyJhIjoxfQ=="}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"ExecutedVersion":"1","Payload":{"a":1},"StatusCode":200}"#);
    assert_eq!(sent, [r#"lambda.Invoke {"FunctionName":"f","Payload":"eyJhIjoxfQ==","Qualifier":"live"}"#]);

    let (result, sent) = called(
        "lambda:invoke",
        r#"{"FunctionName":"f","Payload":"ok"}"#,
        [Answer::of(r#"{"StatusCode":200,"Payload":"bm90IGpzb24="}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"Payload":"not json","StatusCode":200}"#);
    assert_eq!(sent, [r#"lambda.Invoke {"FunctionName":"f","Payload":"Im9rIg=="}"#]);

    // Text that is JSON already: {"a": 1}, blank and all.
    let (_, sent) =
        called("lambda:invoke", r#"{"FunctionName":"f","Payload":"{\"a\": 1}"}"#, [Answer::of("{}")]).await;
    assert_eq!(sent, [r#"lambda.Invoke {"FunctionName":"f","Payload":"eyJhIjogMX0="}"#]);

    let (_, sent) =
        called("lambda:invoke", r#"{"FunctionName":"f","Payload":null}"#, [Answer::of("{}")]).await;
    assert_eq!(sent, [r#"lambda.Invoke {"FunctionName":"f"}"#]);
}

#[tokio::test]
async fn what_a_function_throws_is_the_error_of_the_task() {
    // {"errorMessage": "m", "errorType": "CustomException"}
    let thrown = "eyJlcnJvck1lc3NhZ2UiOiAibSIsICJlcnJvclR5cGUiOiAiQ3VzdG9tRXhjZXB0aW9uIn0=";
    let answer = format!(r#"{{"StatusCode":200,"FunctionError":"Unhandled","Payload":"{thrown}"}}"#);
    let (result, _) = called("lambda:invoke", r#"{"FunctionName":"f"}"#, [Answer::of(&answer)]).await;
    let cause = r#"{"errorMessage":"m","errorType":"CustomException"}"#;
    assert_eq!(result, Err(Failure::new("CustomException", cause)));

    let answer = r#"{"StatusCode":200,"FunctionError":"Unhandled","Payload":"e30="}"#;
    let (result, _) = called("lambda:invoke", r#"{"FunctionName":"f"}"#, [Answer::of(answer)]).await;
    assert_eq!(result, Err(Failure::new("Lambda.Unknown", "{}")));
}

#[tokio::test]
async fn a_function_by_its_own_arn_is_all_payload() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f:live";
    let function = |parameters: &str| Attempt {
        resource: arn.into(),
        ..attempt("lambda:invoke", Pattern::RequestResponse, parameters)
    };
    let world = World::new();
    let adapter = world.adapter("lambda:invoke").await;
    world.script([Answer::of(r#"{"StatusCode":200,"Payload":"eyJhIjoxfQ=="}"#)]);
    let attempt = function(r#"["any",1]"#);
    assert_eq!(outcome(adapter.submit(&attempt).await).unwrap(), r#"{"a":1}"#);
    assert_eq!(
        world.sent(&attempt),
        [format!(r#"lambda.Invoke {{"FunctionName":"{arn}","Payload":"WyJhbnkiLDFd"}}"#)]
    );
    // What it throws is the cause as it came: {"errorType": "E"}, blank and all.
    world.script([Answer::of(r#"{"FunctionError":"Unhandled","Payload":"eyJlcnJvclR5cGUiOiAiRSJ9"}"#)]);
    let failed = outcome(adapter.submit(&function("{}")).await);
    assert_eq!(failed, Err(Failure::new("E", r#"{"errorType": "E"}"#)));
    world.script([Answer::Refused("ResourceNotFoundException")]);
    let failed = outcome(adapter.submit(&function("{}")).await).unwrap_err();
    assert_eq!(failed.error, "Lambda.ResourceNotFoundException");
}

#[tokio::test]
async fn messages_that_are_no_text_are_sent_as_their_json() {
    let (result, sent) = called(
        "sqs:sendMessage",
        r#"{"QueueUrl":"http://q/1/n","MessageBody":{"a":[1]}}"#,
        [Answer::of(r#"{"MD5OfMessageBody":"m","MessageId":"i"}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"MD5OfMessageBody":"m","MessageId":"i"}"#);
    assert_eq!(sent, [r#"sqs.SendMessage {"QueueUrl":"http://q/1/n","MessageBody":"{\"a\":[1]}"}"#]);

    let (result, sent) =
        called("sns:publish", r#"{"TopicArn":"t","Message":{"a":1}}"#, [Answer::of(r#"{"MessageId":"i"}"#)])
            .await;
    assert_eq!(result.unwrap(), r#"{"MessageId":"i"}"#);
    assert_eq!(sent, [r#"sns.Publish {"TopicArn":"t","Message":"{\"a\":1}"}"#]);
}

#[tokio::test]
async fn errors_are_named_for_the_service_not_for_the_family() {
    for (resource, parameters, code, error) in [
        ("sns:publish", r#"{"TopicArn":"t","Message":"m"}"#, "NotFound", "SNS.NotFoundException"),
        ("sns:publish", r#"{"Message":"m"}"#, "InvalidParameter", "SNS.InvalidParameterException"),
        (
            "sqs:sendMessage",
            r#"{"QueueUrl":"http://q/1/n","MessageBody":"m"}"#,
            "MissingParameter",
            "SQS.AmazonSQSException",
        ),
        (
            "events:putEvents",
            r#"{"Entries":[]}"#,
            "ValidationException",
            "EventBridge.AmazonEventBridgeException",
        ),
        (
            "elasticmapreduce:terminateCluster",
            r#"{"ClusterId":"c"}"#,
            "InternalServerError",
            "ElasticMapReduce.InternalServerErrorException",
        ),
        (
            "emr-serverless:stopApplication",
            r#"{"ApplicationId":"a"}"#,
            "ValidationException",
            "EMRServerless.ValidationException",
        ),
        (
            "sagemaker:createModel",
            r#"{"ModelName":"m"}"#,
            "ResourceLimitExceeded",
            "SageMaker.ResourceLimitExceededException",
        ),
        (
            "bedrock:invokeModel",
            r#"{"ModelId":"m","Body":{}}"#,
            "ThrottlingException",
            "Bedrock.ThrottlingException",
        ),
    ] {
        let (result, _) = called(resource, parameters, [Answer::Refused(code)]).await;
        assert_eq!(result.unwrap_err().error, error);
    }
    let world = World::new();
    let attempt = attempt("sqs:sendMessage", Pattern::RequestResponse, "{}");
    let failure = world.adapter("sqs:sendMessage").await.unanswered(&attempt, "reset");
    assert_eq!(failure, Failure::new("SQS.SdkClientException", "Unable to execute HTTP request: reset"));
}

#[tokio::test]
async fn events_name_their_execution_and_fail_as_one() {
    let entries = r#"{"Entries":[{"Source":"s","DetailType":"t","Detail":{"a":1},"Resources":["own"]},{"Source":"s","Detail":"x"}]}"#;
    let (result, sent) = called(
        "events:putEvents",
        entries,
        [Answer::of(r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"},{"EventId":"2"}]}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"Entries":[{"EventId":"1"},{"EventId":"2"}],"FailedEntryCount":0}"#);
    assert_eq!(
        sent,
        [concat!(
            r#"eventbridge.PutEvents {"Entries":[{"Source":"s","DetailType":"t","Detail":"{\"a\":1}","#,
            r#""Resources":["own","arn:aws:states:us-east-1:123456789012:stateMachine:contract","EXECUTION"]},"#,
            r#"{"Source":"s","Detail":"x","Resources":["arn:aws:states:us-east-1:123456789012:stateMachine:contract","EXECUTION"]}]}"#
        )]
    );

    let failed = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}]}"#;
    let (result, _) = called("events:putEvents", entries, [Answer::of(failed)]).await;
    let cause = r#"{"Entries":[{"EventId":"1"},{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],"FailedEntryCount":1}"#;
    assert_eq!(result, Err(Failure::new("EventBridge.FailedEntry", cause)));

    let attempt = attempt("events:putEvents", Pattern::Callback, entries);
    let world = World::new();
    world.script([Answer::of(failed)]);
    let submission = world.adapter("events:putEvents").await.submit(&attempt).await;
    assert!(
        matches!(&submission, Submission::Failed(f) if f.error == "EventBridge.FailedEntry"),
        "{submission:?}"
    );
}

#[tokio::test]
async fn a_queue_that_is_no_url_of_one_is_a_host_that_nobody_knows() {
    for url in ["no-queue", "http://no-queue"] {
        let parameters = format!(r#"{{"QueueUrl":"{url}","MessageBody":"m"}}"#);
        let (result, sent) = called("sqs:sendMessage", &parameters, []).await;
        let cause = "Unable to execute HTTP request: no-queue: Name or service not known";
        assert_eq!(result, Err(Failure::new("SQS.SdkClientException", cause)));
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[tokio::test]
async fn callbacks_go_on_when_their_message_is_sent() {
    for (resource, parameters) in [
        ("lambda:invoke", r#"{"FunctionName":"f","Payload":{"token":"t"}}"#),
        ("sns:publish", r#"{"TopicArn":"t","Message":"m"}"#),
        ("sqs:sendMessage", r#"{"QueueUrl":"http://q/1/n","MessageBody":"m"}"#),
        ("events:putEvents", r#"{"Entries":[]}"#),
        ("bedrock:invokeModel", r#"{"ModelId":"m","Body":{}}"#),
    ] {
        let attempt = attempt(resource, Pattern::Callback, parameters);
        let world = World::new();
        world.script([Answer::of("{}")]);
        let submission = world.adapter(resource).await.submit(&attempt).await;
        assert!(matches!(submission, Submission::Started(_)), "{resource}: {submission:?}");
    }
}

#[tokio::test]
async fn models_take_and_give_json() {
    let (result, sent) = called(
        "bedrock:invokeModel",
        r#"{"ModelId":"m","Body":{"a":1},"ContentType":"application/json"}"#,
        [Answer::of(r#"{"body":"eyJhIjoxfQ==","contentType":"application/json"}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"Body":{"a":1},"ContentType":"application/json"}"#);
    assert_eq!(
        sent,
        [
            r#"bedrockruntime.InvokeModel {"modelId":"m","body":"eyJhIjoxfQ==","contentType":"application/json","accept":"application/json"}"#
        ]
    );
}

#[tokio::test]
async fn steps_and_clusters_have_parameters_of_step_functions_own() {
    let (result, sent) = called(
        "elasticmapreduce:cancelStep",
        r#"{"ClusterId":"c","StepId":"s"}"#,
        [Answer::of(r#"{"CancelStepsInfoList":[{"StepId":"s","Status":"SUBMITTED"}]}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"CancelStepsInfo":{"StepId":"s","Status":"SUBMITTED"}}"#);
    assert_eq!(sent, [r#"emr.CancelSteps {"ClusterId":"c","StepIds":["s"]}"#]);

    let (result, sent) = called(
        "elasticmapreduce:setClusterTerminationProtection",
        r#"{"ClusterId":"c","TerminationProtected":true}"#,
        [Answer::of("{}")],
    )
    .await;
    assert_eq!(result.unwrap(), "{}");
    assert_eq!(sent, [r#"emr.SetTerminationProtection {"JobFlowIds":["c"],"TerminationProtected":true}"#]);
}

#[tokio::test]
async fn fleets_and_groups_are_found_by_name_before_they_are_changed() {
    let (result, sent) = called(
        "elasticmapreduce:modifyInstanceFleetByName",
        r#"{"ClusterId":"c","InstanceFleetName":"core","InstanceFleet":{"TargetOnDemandCapacity":2}}"#,
        [
            Answer::of(r#"{"InstanceFleets":[{"Id":"if-1","Name":"master"}],"Marker":"m"}"#),
            Answer::of(r#"{"InstanceFleets":[{"Id":"if-2","Name":"core"}]}"#),
            Answer::of("{}"),
        ],
    )
    .await;
    assert_eq!(result.unwrap(), "{}");
    assert_eq!(
        sent,
        [
            r#"emr.ListInstanceFleets {"ClusterId":"c"}"#,
            r#"emr.ListInstanceFleets {"ClusterId":"c","Marker":"m"}"#,
            r#"emr.ModifyInstanceFleet {"ClusterId":"c","InstanceFleet":{"TargetOnDemandCapacity":2,"InstanceFleetId":"if-2"}}"#,
        ]
    );
    let (result, sent) = called(
        "elasticmapreduce:modifyInstanceGroupByName",
        r#"{"ClusterId":"c","InstanceGroupName":"task","InstanceGroup":{"InstanceCount":3}}"#,
        [Answer::of(r#"{"InstanceGroups":[{"Id":"ig-1","Name":"task"}]}"#), Answer::of("{}")],
    )
    .await;
    assert_eq!(result.unwrap(), "{}");
    assert_eq!(
        sent[1],
        r#"emr.ModifyInstanceGroups {"ClusterId":"c","InstanceGroups":[{"InstanceCount":3,"InstanceGroupId":"ig-1"}]}"#
    );
    let (result, sent) = called(
        "elasticmapreduce:modifyInstanceGroupByName",
        r#"{"ClusterId":"c","InstanceGroupName":"none","InstanceGroup":{"InstanceCount":3}}"#,
        [Answer::of(r#"{"InstanceGroups":[{"Id":"ig-1","Name":"task"}]}"#)],
    )
    .await;
    let failure = result.unwrap_err();
    assert_eq!(failure.error, "ElasticMapReduce.InvalidRequestException");
    assert_eq!(failure.cause, "There is no instance group named 'none' in c.");
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn what_a_lost_call_did_is_asked_only_where_there_is_an_answer() {
    for (resource, parameters, again) in [
        ("athena:getQueryResults", r#"{"QueryExecutionId":"q"}"#, true),
        ("codebuild:stopBuild", r#"{"Id":"b"}"#, true),
        ("sns:publish", r#"{"TopicArn":"t","Message":"m"}"#, false),
        ("lambda:invoke", r#"{"FunctionName":"f"}"#, false),
    ] {
        let world = World::new();
        let attempt = attempt(resource, Pattern::RequestResponse, parameters);
        let found = world.adapter(resource).await.reconcile(&attempt).await;
        assert_eq!(matches!(found, Reconciled::NotStarted), again, "{resource}: {found:?}");
        assert_eq!(matches!(found, Reconciled::Unknown { .. }), !again, "{resource}: {found:?}");
    }
}

#[tokio::test]
async fn parameters_that_fit_nothing_fail_the_task_before_a_call() {
    let (result, sent) = called("sns:publish", r#"{"Topic":"t"}"#, []).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert!(failure.cause.ends_with(
        r#"could not be used to start the Task: [The field "Topic" is not supported by Step Functions, The field 'Message' is required but was missing]"#
    ), "{}", failure.cause);
    let (result, _) = called("elasticmapreduce:addStep", r#"{"ClusterId":"c","Steps":[]}"#, []).await;
    assert!(result.unwrap_err().cause.contains(r#"The field "Steps" is not supported"#));
    let (_, nothing) = called("sns:publish", r#"{"Topic":"t"}"#, []).await;
    assert_eq!((sent, nothing), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_family_carries_out_its_own_resources_only() {
    let world = World::new();
    let attempt = attempt(
        "sqs:sendMessage",
        Pattern::RequestResponse,
        r#"{"QueueUrl":"http://q/1/n","MessageBody":"m"}"#,
    );
    let failure = outcome(world.adapter_of("lambda").await.submit(&attempt).await).unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert!(world.sent(&attempt).is_empty());
}

/// The events of two turns of an agent: it calls a tool, is told the tool's result, and answers.
const TURNS: &str = r#"{"stream":[
    {"messageStart":{"role":"assistant"}},
    {"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"Let me look."}}},
    {"contentBlockStart":{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"look"}}}},
    {"contentBlockDelta":{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}},
    {"messageStop":{"stopReason":"tool_use"}},
    {"metadata":{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15},"metrics":{"latencyMs":100}}},
    {"messageStart":{"role":"user"}},
    {"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"a tool's result"}}},
    {"messageStop":{"stopReason":"tool_result"}},
    {"messageStart":{"role":"assistant"}},
    {"contentBlockDelta":{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}},
    {"contentBlockDelta":{"contentBlockIndex":1,"delta":{"text":"It is "}}},
    {"contentBlockDelta":{"contentBlockIndex":1,"delta":{"text":"there."}}},
    {"messageStop":{"stopReason":"end_turn"}},
    {"metadata":{"usage":{"inputTokens":20,"outputTokens":7,"totalTokens":27},"metrics":{"latencyMs":50}}}]}"#;

const HARNESS: &str = r#"{"HarnessArn":"h","RuntimeSessionId":"s","Messages":[{"Role":"user","Content":[{"Text":"Where?"}]}],
    "Model":{"BedrockModelConfig":{"ModelId":"m"}}}"#;

#[tokio::test]
async fn an_agent_s_last_message_is_the_result() {
    let (result, sent) = called("bedrockagentcore:invokeHarness", HARNESS, [Answer::of(TURNS)]).await;
    assert_eq!(
        result.unwrap(),
        r#"{"Metrics":{"LatencyMs":150},"Output":{"Message":{"Content":[{"Text":"It is there."}],"Role":"assistant"}},"StopReason":"end_turn","Usage":{"InputTokens":30,"OutputTokens":12,"TotalTokens":42}}"#
    );
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].starts_with(r#"bedrockagentcore.InvokeHarness {"harnessArn":"h","runtimeSessionId":"s""#),
        "{sent:?}"
    );
    assert!(sent[0].contains(r#""model":{"bedrockModelConfig":{"modelId":"m"}}"#), "{sent:?}");
}

#[tokio::test]
async fn what_goes_wrong_in_the_stream_fails_the_task() {
    let broken = r#"{"stream":[{"messageStart":{"role":"assistant"}},{"validationException":{"message":"m","reason":"CannotParse"}}]}"#;
    let (result, _) = called("bedrockagentcore:invokeHarness", HARNESS, [Answer::of(broken)]).await;
    assert_eq!(result, Err(Failure::new("BedrockAgentCore.ValidationException", "m")));
}

#[tokio::test]
async fn a_model_s_payloads_may_be_in_s3() {
    // "eyJhIjoxfQ==" is {"a":1}, "eyJiIjoyfQ==" is {"b":2}.
    let (result, sent) = called(
        "bedrock:invokeModel",
        r#"{"ModelId":"m","Input":{"S3Uri":"s3://in/a/b.json"},"Output":{"S3Uri":"s3://out/c"}}"#,
        [
            Answer::of(r#"{"Body":"eyJhIjoxfQ==","ContentType":"application/json"}"#),
            Answer::of(r#"{"body":"eyJiIjoyfQ==","contentType":"text/json"}"#),
            Answer::of("{}"),
        ],
    )
    .await;
    assert_eq!(result.unwrap(), r#"{"Body":"s3://out/c","ContentType":"text/json"}"#);
    assert_eq!(
        sent,
        [
            r#"s3.GetObject {"Bucket":"in","Key":"a/b.json"}"#,
            r#"bedrockruntime.InvokeModel {"modelId":"m","accept":"application/json","body":"eyJhIjoxfQ==","contentType":"application/json"}"#,
            r#"s3.PutObject {"Bucket":"out","Key":"c","Body":"eyJiIjoyfQ==","ContentType":"text/json"}"#,
        ]
    );
}

#[tokio::test]
async fn an_object_that_is_not_there_is_the_task_s_failure() {
    let parameters = r#"{"ModelId":"m","Input":{"S3Uri":"s3://in/k"}}"#;
    let (result, sent) = called("bedrock:invokeModel", parameters, [Answer::Refused("NoSuchKey")]).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.error, "S3.NoSuchKeyException");
    assert!(failure.cause.starts_with("s3://in/k: "), "{}", failure.cause);
    assert_eq!(sent.len(), 1, "the model isn't asked");
    for (given, reason) in [
        (
            r#""Input":{"S3Uri":"s3://in/k"},"Body":{}"#,
            "Only one of the fields 'Body' and 'Input' may be given",
        ),
        (r#""Input":{"S3Uri":"http://in/k"}"#, "The value of the field 'S3Uri' has an invalid format"),
        (
            r#""Body":{},"Output":{"S3Uri":"s3://out"}"#,
            "The value of the field 'S3Uri' has an invalid format",
        ),
        (r#""Body":{},"Output":{}"#, "The field 'S3Uri' is required but was missing"),
        (r#""Input":"s3://in/k""#, "The value of the field 'Input' has an invalid format"),
    ] {
        let parameters = format!(r#"{{"ModelId":"m",{given}}}"#);
        let (result, sent) = called("bedrock:invokeModel", &parameters, []).await;
        let failure = result.unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert!(
            failure.cause.ends_with(&format!("could not be used to start the Task: [{reason}]")),
            "{}",
            failure.cause
        );
        assert!(sent.is_empty());
    }
}
