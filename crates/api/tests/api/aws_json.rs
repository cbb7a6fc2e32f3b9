//! Every operation by AWS JSON: what the engine is asked, what the client reads, and how refusals read.

use newel_api::Rate;
use newel_engine::ErrorKind;
use serde_json::json;

use crate::client::{Api, clock, options};
use crate::fake::{ACTIVITY, ALIAS, AT, EXECUTION, MACHINE, MAP_RUN, VERSION};

const TIME: f64 = 1_700_000_000.25;

fn with_machine(rest: &str) -> String {
    format!(r#"{{"stateMachineArn":"{MACHINE}"{rest}}}"#)
}

fn with_execution(rest: &str) -> String {
    format!(r#"{{"executionArn":"{EXECUTION}"{rest}}}"#)
}

fn with_resource(rest: &str) -> String {
    format!(r#"{{"resourceArn":"{MACHINE}"{rest}}}"#)
}

const CREATE: &str = r#"{"name":"m","definition":"{}","roleArn":"arn:aws:iam::000000000000:role/r","type":"EXPRESS",
    "tags":[{"key":"k","value":"v"}],"tracingConfiguration":{"enabled":true}}"#;

#[tokio::test]
async fn state_machines_are_created_changed_described_and_deleted() {
    let api = Api::start().await;
    let created = api.ok("CreateStateMachine", CREATE).await;
    assert_eq!(created, json!({"stateMachineArn": MACHINE, "creationDate": TIME}));
    let call = api.engine.last_call();
    for part in [
        "name: \"m\"",
        "Express",
        "account: \"000000000000\"",
        "key: \"k\"",
        r#"tracing: Some({"enabled":true})"#,
    ] {
        assert!(call.contains(part), "{part} in {call}");
    }

    let updated = api.ok("UpdateStateMachine", &with_machine(r#","definition":"{}""#)).await;
    assert_eq!(updated, json!({"updateDate": TIME, "revisionId": "r2"}));

    let described = api.ok("DescribeStateMachine", &with_machine("")).await;
    let mut expect = json!({
        "stateMachineArn": MACHINE, "name": "m", "status": "ACTIVE", "definition": "{}", "roleArn": "role",
        "type": "STANDARD", "creationDate": TIME,
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": true},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        "variableReferences": {"S": ["x", "y"]},
    });
    assert_eq!(described, expect);
    expect.as_object_mut().unwrap().remove("variableReferences");
    expect["definition"] = "".into();
    let metadata = api.ok("DescribeStateMachine", &with_machine(r#","includedData":"METADATA_ONLY""#)).await;
    assert_eq!(metadata, expect);

    let of_execution = api.ok("DescribeStateMachineForExecution", &with_execution("")).await;
    assert_eq!(of_execution["revisionId"], "r1");
    assert_eq!(of_execution["updateDate"], TIME);
    assert_eq!(of_execution.get("status"), None);

    assert_eq!(api.ok("DeleteStateMachine", &with_machine("")).await, json!({}));
}

#[tokio::test]
async fn versions_are_published_listed_and_deleted() {
    let api = Api::start().await;
    let publishing = CREATE.replacen("{", r#"{"publish":true,"versionDescription":"first","#, 1);
    let created = api.ok("CreateStateMachine", &publishing).await;
    assert_eq!(created["stateMachineVersionArn"], VERSION);
    let call = api.engine.last_call();
    assert!(call.contains(r#"publish: true, version_description: Some("first")"#), "{call}");
    let updated = api.ok("UpdateStateMachine", &with_machine(r#","definition":"{}","publish":true"#)).await;
    assert_eq!(updated["stateMachineVersionArn"], VERSION);
    for body in [
        CREATE.replacen("{", r#"{"versionDescription":"first","#, 1),
        CREATE.replacen("{", r#"{"versionDescription":"","#, 1),
    ] {
        let refused = api.refused("CreateStateMachine", &body).await;
        let message = "Version description can only be set when publish is true";
        assert_eq!(refused, (400, "ValidationException".to_owned(), message.to_owned()));
    }

    let published =
        api.ok("PublishStateMachineVersion", &with_machine(r#","revisionId":"r1","description":"d""#)).await;
    assert_eq!(published, json!({"stateMachineVersionArn": VERSION, "creationDate": TIME}));
    let call = api.engine.last_call();
    assert!(call.contains(r#"revision_id: Some("r1"), description: Some("d")"#), "{call}");

    let first = api.ok("ListStateMachineVersions", &with_machine(r#","maxResults":2"#)).await;
    assert_eq!(
        first["stateMachineVersions"][0],
        json!({"stateMachineVersionArn": VERSION, "creationDate": TIME})
    );
    let token = first["nextToken"].as_str().unwrap();
    let rest = with_machine(&format!(r#","nextToken":"{token}""#));
    let second = api.ok("ListStateMachineVersions", &rest).await;
    assert_eq!(
        (second["stateMachineVersions"].as_array().unwrap().len(), second.get("nextToken")),
        (1, None)
    );

    let version = format!(r#"{{"stateMachineVersionArn":"{VERSION}"}}"#);
    assert_eq!(api.ok("DeleteStateMachineVersion", &version).await, json!({}));
}

#[tokio::test]
async fn aliases_are_created_changed_described_listed_and_deleted() {
    let api = Api::start().await;
    let route = format!(r#"{{"stateMachineVersionArn":"{VERSION}","weight":100}}"#);
    let create = format!(r#"{{"name":"PROD","description":"d","routingConfiguration":[{route}]}}"#);
    let created = api.ok("CreateStateMachineAlias", &create).await;
    assert_eq!(created, json!({"stateMachineAliasArn": ALIAS, "creationDate": TIME}));
    let call = api.engine.last_call();
    assert!(
        call.contains(r#"description: Some("d"), routing: [Route"#) && call.contains("weight: 100"),
        "{call}"
    );

    let with_alias = |rest: &str| format!(r#"{{"stateMachineAliasArn":"{ALIAS}"{rest}}}"#);
    let update = with_alias(&format!(r#","routingConfiguration":[{route}]"#));
    assert_eq!(api.ok("UpdateStateMachineAlias", &update).await, json!({"updateDate": TIME}));
    let (_, name, _) = api.refused("UpdateStateMachineAlias", &with_alias("")).await;
    assert_eq!(name, "ValidationException");

    let described = api.ok("DescribeStateMachineAlias", &with_alias("")).await;
    let expect = json!({
        "stateMachineAliasArn": ALIAS, "name": "PROD", "creationDate": TIME, "updateDate": TIME,
        "routingConfiguration": [{"stateMachineVersionArn": VERSION, "weight": 100}],
    });
    assert_eq!(described, expect);
    let listed = api.ok("ListStateMachineAliases", &with_machine(r#","maxResults":1"#)).await;
    assert_eq!(listed["stateMachineAliases"][0]["creationDate"], TIME);
    assert!(listed["nextToken"].is_string());
    assert_eq!(api.ok("DeleteStateMachineAlias", &with_alias("")).await, json!({}));

    // What lives elsewhere doesn't exist, in the words that versions and aliases have.
    let foreign = with_alias("").replace("000000000000", "999999999999");
    let (_, name, message) = api.refused("DescribeStateMachineAlias", &foreign).await;
    assert_eq!(
        (&*name, &*message),
        ("ResourceNotFound", "Request references a resource that does not exist.")
    );
}

#[tokio::test]
async fn definitions_are_validated_and_as_much_is_told_as_was_asked_for() {
    let api = Api::start().await;
    let error = |code: &str| json!({"severity": "ERROR", "code": code, "message": "what"});
    let mut second = error("SCHEMA_VALIDATION_FAILED");
    second["location"] = "/".into();
    let errors = api.ok("ValidateStateMachineDefinition", r#"{"definition":"{}","type":"EXPRESS"}"#).await;
    let diagnostics = json!([error("MISSING_END_STATE"), second]);
    assert_eq!(errors, json!({"result": "FAIL", "diagnostics": diagnostics, "truncated": false}));
    assert!(api.engine.last_call().contains("Express"), "{}", api.engine.last_call());

    let all = api.ok("ValidateStateMachineDefinition", r#"{"definition":"{}","severity":"WARNING"}"#).await;
    assert_eq!(all["diagnostics"][0]["code"], "NO_DOLLAR");
    assert_eq!((all["diagnostics"].as_array().map(Vec::len), &all["truncated"]), (Some(3), &json!(false)));

    let one = api.ok("ValidateStateMachineDefinition", r#"{"definition":"{}","maxResults":1}"#).await;
    assert_eq!(one["diagnostics"], json!([error("MISSING_END_STATE")]));
    assert_eq!((&one["result"], &one["truncated"]), (&json!("FAIL"), &json!(true)));
}

const TEST: &str = r#"{"definition":"{}","input":"[ 1 ]","inspectionLevel":"DEBUG","stateName":"S","context":"{}",
    "variables":"{\"x\":1}","mock":{"errorOutput":{"error":"E","cause":"C"},"fieldValidationMode":"PRESENT"},
    "stateConfiguration":{"retrierRetryCount":4,"mapIterationFailureCount":2,"errorCausedByState":"T"}}"#;

#[tokio::test]
async fn a_state_is_tested_and_as_much_is_told_as_was_asked_for() {
    let api = Api::start().await;
    let told = api.ok("TestState", TEST).await;
    let inspection = json!({
        "input": "[ 1 ]", "afterInputPath": "[ 1 ]", "result": "2", "variables": r#"{"x":1}"#, "maxConcurrency": 0,
        "toleratedFailurePercentage": 12.5, "errorDetails": {"catchIndex": 0, "retryIndex": 1},
    });
    let mut expect = json!({
        "status": "CAUGHT_ERROR", "output": "3", "error": "E", "cause": "C", "nextState": "N",
        "inspectionData": inspection,
    });
    assert_eq!(told, expect);
    let call = api.engine.last_call();
    for part in ["Present", "retries: Some(4)", "failed_iterations: Some(2)", "state_name: Some(\"S\")"] {
        assert!(call.contains(part), "{part} in {call}");
    }
    expect.as_object_mut().unwrap().remove("inspectionData");
    assert_eq!(api.ok("TestState", r#"{"definition":"{}"}"#).await, expect);
}

#[tokio::test]
async fn the_exchange_of_an_http_task_is_told_at_trace() {
    let api = Api::start().await;
    let told = api.ok("TestState", r#"{"definition":"{}","inspectionLevel":"TRACE"}"#).await;
    let request =
        json!({"protocol": "https", "method": "GET", "url": "https://h/", "headers": "[C: d]", "body": ""});
    let response = json!({
        "protocol": "https", "statusCode": "404", "statusMessage": "Not Found", "headers": "[A: b]", "body": "{}",
    });
    let data = &told["inspectionData"];
    assert_eq!((&data["request"], &data["response"], &data["result"]), (&request, &response, &json!("2")));
    let revealed = r#"{"definition":"{}","inspectionLevel":"TRACE","revealSecrets":true}"#;
    let told = api.ok("TestState", revealed).await;
    assert_eq!(told["inspectionData"]["request"]["url"], "https://h/?key=secret");
    assert_eq!(told["inspectionData"].get("response"), None, "there was none");
    for level in ["INFO", "DEBUG"] {
        let given = format!(r#"{{"definition":"{{}}","inspectionLevel":"{level}","revealSecrets":true}}"#);
        let told = api.ok("TestState", &given).await;
        assert!(!told.to_string().contains("https"), "{told}");
    }
}

#[tokio::test]
async fn a_test_that_contradicts_itself_is_refused() {
    let api = Api::start().await;
    let both = "A test mock should have only one of the following fields: [result, errorOutput].";
    for (members, name, message) in [
        (r#""mock":{"result":"1","errorOutput":{}}"#, "ValidationException", both),
        (r#""mock":{}"#, "ValidationException", both),
        (r#""mock":{"result":"no"}"#, "ValidationException", "Mocked result must be valid JSON"),
        (
            r#""mock":{"result":"1"},"revealSecrets":true"#,
            "ValidationException",
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (r#""variables":"1""#, "ValidationException", "Variables must be a JSON object"),
        (r#""roleArn":"r""#, "InvalidArn", "Invalid Role Arn: 'r'"),
    ] {
        let body = format!(r#"{{"definition":"{{}}",{members}}}"#);
        let refusal = api.refused("TestState", &body).await;
        assert_eq!(refusal, (400, name.to_owned(), message.to_owned()), "{members}");
    }
    assert_eq!(api.engine.calls(), 0);
}

#[tokio::test]
async fn activities_are_created_described_polled_listed_and_deleted() {
    let api = Api::start().await;
    let arn = format!("{ACTIVITY}a");
    let created = api.ok("CreateActivity", r#"{"name":"a","tags":[{"key":"k","value":"v"}]}"#).await;
    assert_eq!(created, json!({"activityArn": arn, "creationDate": TIME}));
    assert!(api.engine.last_call().contains("key: \"k\""));
    let refused = api.refused("CreateActivity", r#"{"name":"a b"}"#).await;
    assert_eq!(refused, (400, "InvalidName".to_owned(), "Invalid Name: 'a b'".to_owned()));
    let key = r#"{"name":"a","encryptionConfiguration":{"type":"CUSTOMER_MANAGED_KMS_KEY"}}"#;
    assert_eq!(api.refused("CreateActivity", key).await.1, "InvalidEncryptionConfiguration");

    let with_activity = |rest: &str| format!(r#"{{"activityArn":"{arn}"{rest}}}"#);
    let described = api.ok("DescribeActivity", &with_activity("")).await;
    let expect = json!({
        "activityArn": arn, "name": "a", "creationDate": TIME,
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    });
    assert_eq!(described, expect);
    let listed = api.ok("ListActivities", r#"{"maxResults":2}"#).await;
    assert_eq!(
        listed["activities"][0],
        json!({"activityArn": format!("{ACTIVITY}a1"), "name": "a1", "creationDate": TIME})
    );
    assert!(listed["nextToken"].is_string());
    let task = api.ok("GetActivityTask", &with_activity(r#","workerName":"w""#)).await;
    assert_eq!(task, json!({"taskToken": "t", "input": "{ }"}));
    assert_eq!(api.ok("GetActivityTask", &with_activity("")).await, json!({"taskToken": null}));
    assert_eq!(api.ok("DeleteActivity", &with_activity("")).await, json!({}));
    let foreign = with_activity("").replace("000000000000", "999999999999");
    assert_eq!(api.refused("GetActivityTask", &foreign).await.1, "ActivityDoesNotExist");
}

#[tokio::test]
async fn callers_are_throttled_only_if_that_is_enabled() {
    let mut options = options();
    let rate = Rate { bucket: 2, refill: 1 };
    options.throttling.operations.insert("ListActivities".to_owned(), rate);
    let unthrottled = Api::with(options.clone()).await;
    for _ in 0..5 {
        unthrottled.ok("ListActivities", "{}").await;
    }
    options.throttling.enabled = true;
    let api = Api::with(options).await;
    for _ in 0..2 {
        api.ok("ListActivities", "{}").await;
    }
    let refused = api.refused("ListActivities", "{}").await;
    assert_eq!(refused, (400, "ThrottlingException".to_owned(), "Rate exceeded".to_owned()));
    api.ok("ListStateMachines", "{}").await;
    assert_eq!(api.engine.calls(), 3, "what is refused reaches nobody");
}

#[tokio::test]
async fn executions_are_started_described_and_stopped() {
    let api = Api::start().await;
    let body = with_machine(r#","name":"e","input":"{ \"a\" : 1 }","traceHeader":"Root=1""#);
    let started = api.ok("StartExecution", &body).await;
    assert_eq!(started, json!({"executionArn": EXECUTION, "startDate": TIME}));
    let call = api.engine.last_call();
    assert!(call.contains(r#"{ "a" : 1 }"#) && call.contains("Root=1"), "{call}");
    api.ok("StartExecution", &with_machine("")).await;
    assert!(api.engine.last_call().contains("name: None, input: {}"), "{}", api.engine.last_call());

    let described = api.ok("DescribeExecution", &with_execution("")).await;
    let expect = json!({
        "executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "e", "status": "SUCCEEDED",
        "startDate": TIME, "stopDate": TIME, "input": "{ }", "inputDetails": {"included": true}, "output": "1",
        "outputDetails": {"included": true}, "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "stateMachineVersionArn": VERSION, "stateMachineAliasArn": ALIAS,
    });
    assert_eq!(described, expect);
    let metadata = api.ok("DescribeExecution", &with_execution(r#","includedData":"METADATA_ONLY""#)).await;
    assert_eq!(metadata["inputDetails"], json!({"included": false}));
    assert!(metadata.get("input").is_none() && metadata.get("output").is_none());

    let stopped = api.ok("StopExecution", &with_execution(r#","error":"E","cause":"C""#)).await;
    assert_eq!(stopped, json!({"stopDate": TIME}));
    assert!(api.engine.last_call().contains(r#"error: Some("E"), cause: Some("C")"#));
}

#[tokio::test]
async fn map_runs_and_redrives() {
    let api = Api::start().await;
    let redriven = api.ok("RedriveExecution", &with_execution(r#","clientToken":"t""#)).await;
    assert_eq!(redriven, json!({"redriveDate": TIME}));
    let run = format!(r#"{{"mapRunArn":"{MAP_RUN}""#);
    let described = api.ok("DescribeMapRun", &format!("{run}}}")).await;
    let zero = json!({"pending": 0, "running": 0, "succeeded": 0, "failed": 0, "timedOut": 0, "aborted": 0, "total": 0, "resultsWritten": 0});
    let items = json!({"pending": 1, "running": 2, "succeeded": 0, "failed": 0, "timedOut": 0, "aborted": 0, "total": 3, "resultsWritten": 0});
    assert_eq!(
        described,
        json!({
            "mapRunArn": MAP_RUN, "executionArn": EXECUTION, "status": "RUNNING", "startDate": TIME,
            "maxConcurrency": 7, "toleratedFailurePercentage": 2.5, "toleratedFailureCount": 3,
            "itemCounts": items, "executionCounts": zero,
        })
    );
    let listed = api.ok("ListMapRuns", &with_execution("")).await;
    assert_eq!(
        listed["mapRuns"][0],
        json!({
            "executionArn": EXECUTION, "mapRunArn": format!("{MAP_RUN}1"),
            "stateMachineArn": format!("{MACHINE}/l"), "startDate": TIME,
        })
    );
    api.ok("UpdateMapRun", &format!(r#"{run},"maxConcurrency":0,"toleratedFailurePercentage":1.5}}"#)).await;
    let told =
        "max_concurrency: Some(0), tolerated_failure_percentage: Some(1.5), tolerated_failure_count: None";
    assert!(api.engine.last_call().contains(told), "{}", api.engine.last_call());
    let (status, name, _) = api.refused("UpdateMapRun", &format!("{run}}}")).await;
    assert_eq!((status, &*name), (400, "ValidationException"));
    api.engine.refuse(ErrorKind::CompletedMapRun, "why");
    let answer = api.call("UpdateMapRun", &format!(r#"{run},"maxConcurrency":1}}"#)).await;
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let reason = "CANNOT_UPDATE_COMPLETED_MAP_RUN";
    assert_eq!(body, json!({"__type": "ValidationException", "message": "why", "reason": reason}));
}

#[tokio::test]
async fn an_execution_that_is_waited_for_is_answered_with_its_end() {
    let api = Api::start().await;
    let done = api.ok("StartSyncExecution", &with_machine(r#","input":"{ }","traceHeader":"Root=1""#)).await;
    let expect = json!({
        "executionArn": "arn:aws:states:us-east-1:000000000000:express:m:e:run", "stateMachineArn": MACHINE,
        "name": "e", "startDate": TIME, "stopDate": TIME + 0.005, "status": "SUCCEEDED", "input": "{ }",
        "inputDetails": {"included": true}, "output": "[1]", "outputDetails": {"included": true},
        "traceHeader": "Root=1",
        "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100},
    });
    assert_eq!(done, expect);
    let metadata = api.ok("StartSyncExecution", &with_machine(r#","includedData":"METADATA_ONLY""#)).await;
    assert!(metadata.get("input").is_none() && metadata.get("output").is_none());
    assert_eq!(metadata["outputDetails"], json!({"included": false}));
}

#[tokio::test]
async fn histories_tell_events_with_and_without_data() {
    let api = Api::start().await;
    let history = api.ok("GetExecutionHistory", &with_execution("")).await;
    let expect = json!({"events": [
        {"timestamp": TIME, "type": "ExecutionStarted", "id": 1, "previousEventId": 0,
         "executionStartedEventDetails": {"input": "{ }", "inputDetails": {"truncated": false}, "roleArn": "role"}},
        {"timestamp": TIME, "type": "PassStateEntered", "id": 2, "previousEventId": 0,
         "stateEnteredEventDetails": {"name": "P", "input": "{ }", "inputDetails": {"truncated": false}}},
        {"timestamp": TIME, "type": "ExecutionSucceeded", "id": 3, "previousEventId": 1,
         "executionSucceededEventDetails": {"output": "1", "outputDetails": {"truncated": false}}},
    ]});
    assert_eq!(history, expect);
    let bare = api.ok("GetExecutionHistory", &with_execution(r#","includeExecutionData":false"#)).await;
    assert_eq!(bare["events"][1]["stateEnteredEventDetails"], json!({"name": "P"}));
    api.ok("GetExecutionHistory", &with_execution(r#","reverseOrder":true,"maxResults":0"#)).await;
    assert!(api.engine.last_call().contains("reverse: true, limit: 100"));
}

#[tokio::test]
async fn tasks_and_tags() {
    let api = Api::start().await;
    for (operation, body, asked) in [
        ("SendTaskSuccess", r#"{"taskToken":"t","output":"[1]"}"#, "Success([1])"),
        (
            "SendTaskFailure",
            r#"{"taskToken":"t","error":"E"}"#,
            "Failure(Fault { error: Some(\"E\"), cause: None })",
        ),
        ("SendTaskHeartbeat", r#"{"taskToken":"t"}"#, "Heartbeat"),
        (
            "TagResource",
            &with_resource(r#","tags":[{"key":"a"},{"key":"b","value":"c"}]"#),
            "key: \"a\", value: \"\"",
        ),
        ("UntagResource", &with_resource(r#","tagKeys":["a"]"#), "[\"a\"]"),
    ] {
        assert_eq!(api.ok(operation, body).await, json!({}), "{operation}");
        let call = api.engine.last_call();
        assert!(call.contains(asked), "{operation}: {asked} in {call}");
    }
    let tags = api.ok("ListTagsForResource", &with_resource("")).await;
    assert_eq!(tags, json!({"tags": [{"key": "k", "value": "v"}]}));
}

#[tokio::test]
async fn lists_are_paged_by_tokens_that_survive_a_restart_and_nothing_else() {
    let at = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(AT.as_millis()));
    let again = || {
        let mut options = options();
        options.clock = clock(&at);
        options
    };
    let api = Api::with(again()).await;
    let lists = [
        ("ListStateMachines", "{".to_owned(), "stateMachines"),
        ("ListExecutions", format!(r#"{{"stateMachineArn":"{MACHINE}","#), "executions"),
        ("GetExecutionHistory", format!(r#"{{"executionArn":"{EXECUTION}","#), "events"),
    ];
    let mut tokens = Vec::new();
    for (operation, start, items) in &lists {
        let first = api.ok(operation, &format!(r#"{start}"maxResults":2}}"#)).await;
        assert_eq!(first[items].as_array().unwrap().len(), 2, "{operation}");
        tokens.push(first["nextToken"].as_str().unwrap().to_owned());
    }
    api.stop().await.unwrap();

    let api = Api::with(again()).await;
    let invalid = (400, "InvalidToken".to_owned(), "Invalid Token: 'Invalid token'".to_owned());
    for ((operation, start, items), token) in lists.iter().zip(&tokens) {
        let next = |token: &str| format!(r#"{start}"nextToken":"{token}"}}"#);
        let last = api.ok(operation, &next(token)).await;
        assert_eq!(last[items].as_array().unwrap().len(), 1, "{operation}");
        assert_eq!(last.get("nextToken"), None);
        for other in tokens.iter().filter(|other| *other != token).map(String::as_str).chain(["forged"]) {
            assert_eq!(api.refused(operation, &next(other)).await, invalid, "{operation}");
        }
    }
    let filtered = format!(r#"{}"statusFilter":"RUNNING","nextToken":"{}"}}"#, lists[1].1, tokens[1]);
    assert_eq!(api.refused("ListExecutions", &filtered).await, invalid, "another filter");
    at.fetch_add(24 * 60 * 60 * 1_000, std::sync::atomic::Ordering::SeqCst);
    let late = format!(r#"{{"nextToken":"{}"}}"#, tokens[0]);
    assert_eq!(api.refused("ListStateMachines", &late).await, invalid, "a day later");
}

#[tokio::test]
async fn what_only_the_api_knows_is_refused_before_the_engine() {
    let api = Api::start().await;
    let create = |rest: &str| {
        format!(r#"{{"definition":"{{}}","roleArn":"arn:aws:iam::000000000000:role/r",{rest}}}"#)
    };
    let foreign = "arn:aws:states:us-east-1:999999999999:stateMachine:m";
    let too_long = format!("\\\"{}\\\"", "x".repeat(262_144));
    for (operation, body, name, message) in [
        ("CreateStateMachine", create(r#""name":"a b""#), "InvalidName", "Invalid Name: 'a b'"),
        (
            "CreateStateMachine",
            r#"{"name":"m","definition":"{}","roleArn":"x"}"#.into(),
            "InvalidArn",
            "Invalid Role Arn: 'x'",
        ),
        (
            "CreateStateMachine",
            create(r#""name":"m","versionDescription":"v""#),
            "ValidationException",
            "Version description can only be set when publish is true",
        ),
        (
            "CreateStateMachine",
            create(r#""name":"m","loggingConfiguration":{"level":"ALL"}"#),
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ),
        (
            "UpdateStateMachine",
            with_machine(""),
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ),
        (
            "DescribeStateMachine",
            format!(r#"{{"stateMachineArn":"{foreign}"}}"#),
            "StateMachineDoesNotExist",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:999999999999:stateMachine:m'",
        ),
        (
            "StopExecution",
            r#"{"executionArn":"arn:aws:states:eu-west-1:000000000000:execution:m:e"}"#.into(),
            "ExecutionDoesNotExist",
            "Execution Does Not Exist: 'arn:aws:states:eu-west-1:000000000000:execution:m:e'",
        ),
        (
            "ListTagsForResource",
            format!(r#"{{"resourceArn":"{foreign}"}}"#),
            "ResourceNotFound",
            "Resource not found: 'arn:aws:states:us-east-1:999999999999:stateMachine:m'",
        ),
        (
            "StartExecution",
            with_machine(r#","input":"not json""#),
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, \
             Array, Object or token 'null', 'true' or 'false')'",
        ),
        (
            "StartExecution",
            with_machine(&format!(r#","input":"{too_long}""#)),
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Invalid execution input.'",
        ),
        ("SendTaskSuccess", r#"{"taskToken":"t","output":"{"}"#.into(), "InvalidOutput", "Invalid Output: "),
        (
            "ListStateMachines",
            r#"{"maxResults":1001}"#.into(),
            "ValidationException",
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have \
             value less than or equal to 1000",
        ),
        (
            "ListExecutions",
            "{}".into(),
            "ValidationException",
            "Must specify either stateMachineArn or mapRunArn",
        ),
        (
            "TagResource",
            with_resource(r#","tags":[{"key":"aws:x","value":""}]"#),
            "ValidationException",
            "Tag key 'aws:x' is invalid",
        ),
    ] {
        let (status, refused, told) = api.refused(operation, &body).await;
        assert_eq!((status, &*refused), (400, name), "{operation}: {told}");
        assert!(told.starts_with(message), "{operation}: {told}");
    }
    assert_eq!(api.engine.calls(), 0);
}

#[tokio::test]
async fn every_refusal_of_the_engine_reaches_the_client() {
    let api = Api::start().await;
    for (kind, status, name) in [
        (ErrorKind::ExecutionAlreadyExists, 400, "ExecutionAlreadyExists"),
        (ErrorKind::ExecutionDoesNotExist, 400, "ExecutionDoesNotExist"),
        (ErrorKind::ExecutionLimitExceeded, 400, "ExecutionLimitExceeded"),
        (ErrorKind::InvalidArn, 400, "InvalidArn"),
        (ErrorKind::InvalidDefinition, 400, "InvalidDefinition"),
        (ErrorKind::InvalidExecutionInput, 400, "InvalidExecutionInput"),
        (ErrorKind::InvalidOutput, 400, "InvalidOutput"),
        (ErrorKind::InvalidToken, 400, "InvalidToken"),
        (ErrorKind::ResourceNotFound, 400, "ResourceNotFound"),
        (ErrorKind::StateMachineAlreadyExists, 400, "StateMachineAlreadyExists"),
        (ErrorKind::StateMachineDeleting, 400, "StateMachineDeleting"),
        (ErrorKind::StateMachineDoesNotExist, 400, "StateMachineDoesNotExist"),
        (ErrorKind::StateMachineLimitExceeded, 400, "StateMachineLimitExceeded"),
        (ErrorKind::StateMachineTypeNotSupported, 400, "StateMachineTypeNotSupported"),
        (ErrorKind::TaskDoesNotExist, 400, "TaskDoesNotExist"),
        (ErrorKind::TaskTimedOut, 400, "TaskTimedOut"),
        (ErrorKind::TooManyTags, 400, "TooManyTags"),
        (ErrorKind::Validation, 400, "ValidationException"),
        (ErrorKind::Unavailable, 503, "ServiceUnavailable"),
    ] {
        api.engine.refuse(kind, "why");
        let refused = api.refused("DescribeExecution", &with_execution("")).await;
        assert_eq!(refused, (status, name.to_owned(), "why".to_owned()));
    }
    api.engine.refuse(ErrorKind::Internal, "a secret");
    let (status, name, message) = api.refused("DescribeExecution", &with_execution("")).await;
    assert_eq!((status, &*name, &*message), (500, "InternalServerError", "An internal error occurred"));
}

#[tokio::test]
async fn requests_that_cannot_be_read_are_refused() {
    let api = Api::start().await;
    for (operation, body, name, message) in [
        ("ListStateMachines", "", "SerializationException", "No content to map due to end-of-input"),
        ("ListStateMachines", "[]", "SerializationException", "The request is not a JSON object"),
        ("ListStateMachines", "{", "SerializationException", "Unexpected end-of-input"),
        (
            "ListStateMachines",
            r#"{"maxResults":"1"}"#,
            "SerializationException",
            "STRING_VALUE can not be converted",
        ),
        ("Nonsense", "{}", "UnknownOperationException", "The X-Amz-Target header names no operation"),
    ] {
        let (status, refused, told) = api.refused(operation, body).await;
        assert_eq!((status, &*refused), (400, name), "{body}: {told}");
        assert!(told.starts_with(message), "{body}: {told}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(api.refused("ListStateMachines", &deep).await.1, "SerializationException");
}
