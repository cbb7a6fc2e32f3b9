//! The calls that start, describe and cancel.

use std::str::FromStr;

use newel_value::Value;

use super::{EXECUTION, json, with};
use crate::descriptor::Verdict;
use crate::{JobRef, WireRequest};

fn job(text: &str) -> JobRef {
    JobRef::from_str(text).unwrap()
}

fn shown(calls: &[WireRequest]) -> Vec<String> {
    calls.iter().map(|call| format!("{}.{} {}", call.service, call.operation, call.body)).collect()
}

#[track_caller]
fn check_request(resource: &str, parameters: &str, token: Option<&str>, expected: &str) {
    let call = with(resource, |i| i.request(&json(parameters), EXECUTION, token).unwrap());
    assert_eq!(shown(&[call]), [expected]);
}

#[test]
fn start_calls_carry_a_token_or_a_marker() {
    let batch = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#;
    check_request(
        "batch:submitJob",
        batch,
        Some("tok"),
        r#"batch.SubmitJob {"jobName":"j","jobQueue":"q","jobDefinition":"d","tags":{"newel:attempt":"tok"}}"#,
    );
    check_request(
        "batch:submitJob",
        batch,
        None,
        r#"batch.SubmitJob {"jobName":"j","jobQueue":"q","jobDefinition":"d"}"#,
    );
    check_request(
        "glue:startJobRun",
        r#"{"JobName":"j","Arguments":{"--x":"1"}}"#,
        Some("tok"),
        r#"glue.StartJobRun {"JobName":"j","Arguments":{"--x":"1","--newel-attempt":"tok"}}"#,
    );
    check_request(
        "ecs:runTask.sync",
        r#"{"TaskDefinition":"t"}"#,
        Some("tok"),
        r#"ecs.RunTask {"taskDefinition":"t","clientToken":"tok"}"#,
    );
    check_request(
        "ecs:runTask.sync",
        r#"{"TaskDefinition":"t","ClientToken":"own"}"#,
        Some("tok"),
        r#"ecs.RunTask {"taskDefinition":"t","clientToken":"own"}"#,
    );
    check_request(
        "dynamodb:putItem",
        r#"{"TableName":"t"}"#,
        Some("tok"),
        r#"dynamodb.PutItem {"TableName":"t"}"#,
    );
}

#[test]
fn long_tokens_are_hashed_and_full_maps_stay_as_they_are() {
    let token = "t".repeat(100);
    let call = with("ecs:runTask", |i| {
        i.request(&json(r#"{"TaskDefinition":"t"}"#), EXECUTION, Some(&token)).unwrap()
    });
    let sent = call.body.get("clientToken").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(sent.len(), 64);
    assert!(sent.bytes().all(|b| b.is_ascii_hexdigit()));

    let tags: Vec<String> = (0..50).map(|i| format!(r#""k{i}":"v""#)).collect();
    let full =
        format!(r#"{{"JobName":"j","JobQueue":"q","JobDefinition":"d","Tags":{{{}}}}}"#, tags.join(","));
    let call = with("batch:submitJob", |i| {
        let call = i.request(&json(&full), EXECUTION, Some("tok")).unwrap();
        assert!(!i.is_recoverable(&call));
        call
    });
    assert_eq!(call.body.get("tags").and_then(Value::as_object).map(newel_value::Object::len), Some(50));
}

#[test]
fn start_calls_know_whether_a_lost_answer_can_be_made_up() {
    let recoverable = |resource: &str, parameters: &str, token: Option<&str>| {
        with(resource, |i| i.is_recoverable(&i.request(&json(parameters), EXECUTION, token).unwrap()))
    };
    let batch = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#;
    assert!(recoverable("batch:submitJob", batch, Some("tok")));
    assert!(!recoverable("batch:submitJob", batch, None));
    assert!(recoverable("ecs:runTask", r#"{"TaskDefinition":"t"}"#, Some("tok")));
    assert!(!recoverable("dynamodb:putItem", r#"{"TableName":"t"}"#, Some("tok")));
}

#[test]
fn started_jobs_are_named_with_their_scope() {
    let started = |resource: &str, parameters: &str, answer: &str| {
        with(resource, |i| i.started(&i.request(&json(parameters), EXECUTION, None).unwrap(), &json(answer)))
            .map(|j| j.to_string())
    };
    let batch = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#;
    assert_eq!(started("batch:submitJob.sync", batch, r#"{"jobId":"id-1"}"#).as_deref(), Some("id-1"));
    assert_eq!(
        started("glue:startJobRun.sync", r#"{"JobName":"my job"}"#, r#"{"JobRunId":"jr_1"}"#).as_deref(),
        Some("jr_1 my job")
    );
    let answer = r#"{"tasks":[{"taskArn":"arn:t","clusterArn":"arn:c"}],"failures":[]}"#;
    assert_eq!(
        started("ecs:runTask.sync", r#"{"TaskDefinition":"t"}"#, answer).as_deref(),
        Some("arn:t arn:c")
    );
    assert_eq!(started("ecs:runTask.sync", r#"{"TaskDefinition":"t"}"#, r#"{"tasks":[]}"#), None);
    assert_eq!(job("jr_1 my job"), JobRef { id: "jr_1".into(), scope: Some("my job".into()) });
    assert_eq!(job("id-1").scope, None);
}

#[test]
fn descriptions_are_coalesced_to_the_services_limits() {
    let ids: Vec<JobRef> = (0..250).map(|i| job(&format!("id{i}"))).collect();
    let calls = with("batch:submitJob.sync", |i| i.describe(&ids));
    let sizes = calls.iter().map(|c| c.body.get("jobs").and_then(Value::as_array).unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [100, 100, 50]);

    let calls = with("ecs:runTask.sync", |i| i.describe(&[job("a c"), job("b c")]));
    assert_eq!(shown(&calls), [r#"ecs.DescribeTasks {"cluster":"c","tasks":["a","b"]}"#]);

    let calls = with("ecs:runTask.sync", |i| i.describe(&[job("a c"), job("x d"), job("b c")]));
    assert_eq!(
        shown(&calls),
        [
            r#"ecs.DescribeTasks {"cluster":"c","tasks":["a","b"]}"#,
            r#"ecs.DescribeTasks {"cluster":"d","tasks":["x"]}"#
        ]
    );

    let one = with("glue:startJobRun.sync", |i| i.describe(&[job("r1 j")]));
    assert_eq!(shown(&one), [r#"glue.GetJobRun {"JobName":"j","RunId":"r1"}"#]);
    assert_eq!(with("batch:submitJob.sync", |i| i.describe(&[])).len(), 0);
}

#[test]
fn runs_of_one_glue_job_are_swept_page_by_page() {
    with("glue:startJobRun.sync", |i| {
        let calls = i.describe(&[job("r1 j"), job("r2 j")]);
        assert_eq!(shown(&calls), [r#"glue.GetJobRuns {"JobName":"j","MaxResults":200}"#]);
        let answer = json(r#"{"JobRuns":[{"Id":"r2","JobRunState":"RUNNING"}],"NextToken":"n"}"#);
        let ids: Vec<&str> = i.described(&calls[0], &answer).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["r2"]);
        let next = i.next_page(&calls[0], &answer).unwrap();
        assert_eq!(next.body.to_json(), r#"{"JobName":"j","MaxResults":200,"NextToken":"n"}"#);
        assert_eq!(i.next_page(&next, &json(r#"{"JobRuns":[]}"#)), None);
        let single = i.describe(&[job("r1 j")]).remove(0);
        assert_eq!(i.described(&single, &json(r#"{"JobRun":{"Id":"r1"}}"#)).len(), 1);
    });
}

#[test]
fn jobs_are_cancelled() {
    let cancel = |resource: &str, jobs: &[JobRef]| shown(&with(resource, |i| i.cancel(jobs, "why")));
    assert_eq!(
        cancel("batch:submitJob.sync", &[job("id")]),
        [r#"batch.TerminateJob {"jobId":"id","reason":"why"}"#]
    );
    assert_eq!(
        cancel("ecs:runTask.sync", &[job("t c")]),
        [r#"ecs.StopTask {"cluster":"c","task":"t","reason":"why"}"#]
    );
    assert_eq!(
        cancel("glue:startJobRun.sync", &[job("r1 j"), job("r2 j")]),
        [r#"glue.BatchStopJobRun {"JobName":"j","JobRunIds":["r1","r2"]}"#]
    );
    assert_eq!(cancel("dynamodb:putItem", &[job("x")]), Vec::<String>::new());
}

#[test]
fn jobs_are_judged() {
    use Verdict::{Failed, Running, Succeeded};
    for (resource, described, expected) in [
        ("batch:submitJob.sync", r#"{"status":"RUNNABLE"}"#, Running),
        ("batch:submitJob.sync", r#"{"status":"SUCCEEDED"}"#, Succeeded),
        ("batch:submitJob.sync", r#"{"status":"FAILED"}"#, Failed),
        ("batch:submitJob.sync", "{}", Running),
        ("glue:startJobRun.sync", r#"{"JobRunState":"STOPPING"}"#, Running),
        ("glue:startJobRun.sync", r#"{"JobRunState":"STOPPED"}"#, Succeeded),
        ("glue:startJobRun.sync", r#"{"JobRunState":"TIMEOUT"}"#, Failed),
        ("glue:startJobRun.sync", r#"{"JobRunState":"EXPIRED"}"#, Failed),
        ("ecs:runTask.sync", r#"{"lastStatus":"DEPROVISIONING","containers":[{"exitCode":1}]}"#, Running),
        ("ecs:runTask.sync", r#"{"lastStatus":"STOPPED","containers":[{"exitCode":0},{}]}"#, Succeeded),
        (
            "ecs:runTask.sync",
            r#"{"lastStatus":"STOPPED","containers":[{"exitCode":0},{"exitCode":2}]}"#,
            Failed,
        ),
        ("ecs:runTask.sync", r#"{"lastStatus":"STOPPED","containers":[{}]}"#, Failed),
        (
            "ecs:runTask.sync",
            r#"{"lastStatus":"STOPPED","stopCode":"TaskFailedToStart","containers":[{"exitCode":0}]}"#,
            Failed,
        ),
        ("dynamodb:putItem", r#"{"status":"SUCCEEDED"}"#, Running),
    ] {
        assert_eq!(with(resource, |i| i.verdict(&json(described))), expected, "{resource} {described}");
    }
}
