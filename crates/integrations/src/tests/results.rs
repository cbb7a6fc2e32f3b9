//! Results and failures.

use super::{json, with};
use crate::{HttpAnswer, ServiceError, TaskFailure};

fn http() -> HttpAnswer {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    HttpAnswer {
        status: 200,
        headers: vec![
            header("server", "Server"),
            header("x-amzn-requestid", "id-1"),
            header("content-type", "application/x-amz-json-1.0"),
            header("x-amz-crc32", "1"),
            header("server", "Again"),
        ],
        request_id: Some("id-1".to_owned()),
    }
}

fn answer(resource: &str, parameters: &str, wire: &str) -> Result<String, TaskFailure> {
    let answer =
        with(resource, |i| i.answer(&i.request(&json(parameters), None).unwrap(), &json(wire), &http()));
    answer.map(|a| a.to_json())
}

/// The metadata of [`http`], as recordings show it.
const METADATA: &str = r#""SdkHttpMetadata":{"AllHttpHeaders":{"Content-Type":["application/x-amz-json-1.0"],"Server":["Server","Again"],"x-amz-crc32":["1"],"x-amzn-RequestId":["id-1"]},"HttpHeaders":{"Content-Type":"application/x-amz-json-1.0","Server":"Server","x-amz-crc32":"1","x-amzn-RequestId":"id-1"},"HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"id-1"}"#;

#[test]
fn answers_come_with_the_sdks_metadata_in_name_order() {
    let item = r#"{"Item":{"id":{"S":"id1"},"on":{"BOOL":true}}}"#;
    let shown = answer("dynamodb:getItem", r#"{"TableName":"t"}"#, item).unwrap();
    assert_eq!(shown, format!(r#"{{"Item":{{"id":{{"S":"id1"}},"on":{{"BOOL":true}}}},{METADATA}}}"#));
    assert_eq!(answer("dynamodb:putItem", r#"{"TableName":"t"}"#, "{}").unwrap(), format!("{{{METADATA}}}"));
    let tasks = r#"{"tasks":[{"createdAt":1680596442.871}],"failures":[]}"#;
    let shown = answer("ecs:runTask", r#"{"TaskDefinition":"t"}"#, tasks).unwrap();
    assert_eq!(shown, format!(r#"{{"Failures":[],{METADATA},"Tasks":[{{"CreatedAt":1680596442871}}]}}"#));
}

#[test]
fn glue_answers_repeat_the_jobs_name() {
    let shown = answer("glue:startJobRun.sync", r#"{"JobName":"j"}"#, r#"{"JobRunId":"jr"}"#).unwrap();
    assert_eq!(shown, format!(r#"{{"JobName":"j","JobRunId":"jr",{METADATA}}}"#));
}

#[test]
fn tasks_that_ecs_could_not_place_fail_only_states_that_wait() {
    let (parameters, refused) =
        (r#"{"TaskDefinition":"t"}"#, r#"{"tasks":[],"failures":[{"arn":"a","reason":"RESOURCE:CPU"}]}"#);
    assert!(answer("ecs:runTask", parameters, refused).is_ok());
    for resource in ["ecs:runTask.sync", "ecs:runTask.waitForTaskToken"] {
        let failure = answer(resource, parameters, refused).unwrap_err();
        assert_eq!(failure.error, "AmazonECS.Unknown");
        assert_eq!(failure.cause, r#"{"Failures":[{"Arn":"a","Reason":"RESOURCE:CPU"}],"Tasks":[]}"#);
    }
    assert!(answer("ecs:runTask.sync", parameters, r#"{"tasks":[],"failures":[]}"#).is_err());
}

#[test]
fn job_results_are_the_described_job_without_our_marker() {
    // As an execution on AWS gave it (milliseconds, members in name order).
    let wire = r#"{"Id":"jr_1","Attempt":0,"JobName":"j","StartedOn":1783349720.582,"CompletedOn":1783349798.46,
        "JobRunState":"SUCCEEDED","Arguments":{"--message":"Hello","--newel-attempt":"tok"},"PredecessorRuns":[],"MaxCapacity":0.0625}"#;
    let result = with("glue:startJobRun.sync", |i| {
        assert!(i.is_job_of("tok", &json(wire)) && !i.is_job_of("other", &json(wire)));
        i.job_result(&json(wire)).to_json()
    });
    assert_eq!(
        result,
        r#"{"Arguments":{"--message":"Hello"},"Attempt":0,"CompletedOn":1783349798460,"Id":"jr_1","JobName":"j","JobRunState":"SUCCEEDED","MaxCapacity":0.0625,"PredecessorRuns":[],"StartedOn":1783349720582}"#
    );

    let wire = r#"{"jobId":"1","status":"FAILED","tags":{"newel:attempt":"tok"},"startedAt":1680596442871,
        "container":{"environment":[{"name":"A","value":"b"}]}}"#;
    let failure = with("batch:submitJob.sync", |i| i.job_failure(&json(wire)));
    assert_eq!(failure.error, "States.TaskFailed");
    assert_eq!(
        failure.cause,
        r#"{"Container":{"Environment":[{"Name":"A","Value":"b"}]},"JobId":"1","StartedAt":1680596442871,"Status":"FAILED"}"#
    );
}

#[track_caller]
fn check_failure(resource: &str, error: &ServiceError, name: &str, cause: &str) {
    let failure = with(resource, |i| i.service_failure(error));
    assert_eq!((failure.error.as_str(), failure.cause.as_str()), (name, cause));
}

fn error(status: u16, code: &str, message: &str) -> ServiceError {
    ServiceError {
        status,
        code: code.into(),
        message: Some(message.into()),
        request_id: Some("R".into()),
        ..ServiceError::default()
    }
}

#[test]
fn service_errors_are_named_as_recorded() {
    check_failure(
        "dynamodb:putItem",
        &error(
            400,
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            "Requested resource not found",
        ),
        "DynamoDB.ResourceNotFoundException",
        "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: \
         ResourceNotFoundException; Request ID: R; Proxy: null)",
    );
    check_failure(
        "dynamodb:putItem",
        &error(400, "com.amazon.coral.validate#ValidationException", "1 validation error detected"),
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; \
         Request ID: R; Proxy: null)",
    );
    check_failure(
        "batch:submitJob",
        &error(400, "ClientException:http://internal/", "no such queue"),
        "Batch.ClientException",
        "no such queue (Service: AWSBatch; Status Code: 400; Error Code: ClientException; Request ID: R; Proxy: null)",
    );
    check_failure(
        "ecs:runTask",
        &ServiceError { status: 403, code: "AccessDeniedException".into(), ..ServiceError::default() },
        "ECS.AmazonECSException",
        "null (Service: AmazonECS; Status Code: 403; Error Code: AccessDeniedException; Request ID: null; Proxy: null)",
    );
    check_failure(
        "glue:startJobRun",
        &error(400, "ConcurrentRunsExceededException", "too many"),
        "Glue.ConcurrentRunsExceededException",
        "too many (Service: AWSGlue; Status Code: 400; Error Code: ConcurrentRunsExceededException; Request ID: R; \
         Proxy: null)",
    );
    let failure = with("batch:submitJob", |i| i.client_failure("Unable to execute HTTP request: reset"));
    assert_eq!(failure.error, "Batch.SdkClientException");
}

#[test]
fn odd_answers_do_not_panic() {
    for wire in
        ["null", "[]", r#""text""#, r#"{"tasks":{"a":1},"failures":3}"#, r#"{"jobs":[1,{"jobId":2}]}"#]
    {
        for resource in ["batch:submitJob.sync", "ecs:runTask.sync", "glue:startJobRun.sync"] {
            with(resource, |i| {
                let request = i.describe(&["id scope".parse().unwrap()]).remove(0);
                let wire = json(wire);
                let _ = i.answer(&request, &wire, &HttpAnswer::default());
                let _ = (i.described(&request, &wire).len(), i.verdict(&wire), i.job_result(&wire));
                assert_eq!(i.started(&request, &wire), None);
                assert!(!i.is_job_of("tok", &wire));
            });
        }
    }
}
