//! Which resources there are, and what becomes of their parameters.

use newel_asl::catalog::{Pattern, ResourceCatalog, TaskOrigin};
use newel_value::Value;
use proptest::prelude::*;

use super::models::integrations;
use super::{json, with};

#[test]
fn the_matrix_of_patterns_is_awss() {
    let catalog = integrations();
    for (action, sync, token) in [
        ("batch:submitJob", true, false),
        ("ecs:runTask", true, true),
        ("glue:startJobRun", true, false),
        ("dynamodb:getItem", false, false),
        ("dynamodb:putItem", false, false),
        ("dynamodb:updateItem", false, false),
        ("dynamodb:deleteItem", false, false),
    ] {
        for (suffix, offered) in
            [("", true), (".sync", sync), (".sync:2", false), (".waitForTaskToken", token)]
        {
            let arn = format!("arn:aws:states:::{action}{suffix}");
            assert_eq!(catalog.resolve(&arn).is_ok(), offered, "{arn}");
        }
    }
}

#[test]
fn resources_are_named_as_the_history_shows_them() {
    let resource =
        integrations().resolve("arn:aws:states:eu-west-1:123456789012:batch:submitJob.sync").unwrap();
    assert_eq!(
        (&*resource.family, &*resource.resource_type, &*resource.action),
        ("batch", "batch", "submitJob.sync")
    );
    assert_eq!((resource.pattern, resource.express), (Pattern::Job(1), false));
    assert!(integrations().resolve("arn:aws:states:::dynamodb:getItem").unwrap().express);
}

#[test]
fn resources_that_no_worker_carries_out_are_known_all_the_same() {
    for (arn, family, resource_type, action, express) in [
        ("arn:aws:states:::states:startExecution.sync:2", "states", "states", "startExecution.sync:2", false),
        ("arn:aws:states:::http:invoke", "http", "http", "invoke", true),
        ("arn:aws:states:::aws-sdk:glue:startJobRun", "sdk", "aws-sdk:glue", "startJobRun", true),
    ] {
        let resource = integrations().resolve(arn).unwrap();
        let named = (&*resource.family, &*resource.resource_type, &*resource.action, resource.express);
        assert_eq!(named, (family, resource_type, action, express), "{arn}");
        assert!(integrations().find(arn).is_err(), "{arn}");
    }
}

#[test]
fn parameters_of_step_functions_own_are_checked() {
    let resource = integrations().resolve("arn:aws:states:::apigateway:invoke").unwrap();
    let faults =
        integrations().check_template(&resource, "Parameters", &json(r#"{"Method":"GET","Verb":1}"#));
    let told: Vec<_> = faults.iter().map(|fault| (&*fault.pointer, &*fault.message)).collect();
    assert_eq!(
        told,
        [
            ("/Parameters", "The field \"Verb\" is not supported by Step Functions"),
            ("/Parameters", "The field 'ApiEndpoint' is required but was missing"),
        ]
    );
}

#[test]
fn what_is_not_there_is_refused_in_awss_words() {
    for arn in [
        "arn:aws:states:::dynamodb:query",
        "arn:aws:states:::batch:SubmitJob",
        "arn:aws:states:::aws-sdk:s4:getObject",
        "arn:aws:states:::aws-sdk:glue:StartJobRun",
        "arn:aws:states:::aws-sdk:glue:startJobRun.sync",
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::nonsense:doIt",
        "arn:aws:lambda:us-east-1:123456789012:layer:f",
        "not an arn",
    ] {
        let fault = integrations().resolve(arn).unwrap_err();
        let expected = format!(
            "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is \
             not available in this region."
        );
        assert_eq!((fault.pointer.as_str(), fault.message), ("/Resource", expected));
    }
}

#[track_caller]
fn check_prepared(resource: &str, parameters: &str, expected: &str) {
    let prepared = with(resource, |integration| integration.prepare(json(parameters)));
    assert_eq!(prepared.map(|p| p.to_json()), Ok(json(expected).to_json()));
}

#[test]
fn batch_jobs_are_told_who_started_them() {
    let sync = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#;
    check_prepared("batch:submitJob", sync, sync);
    check_prepared(
        "batch:submitJob.sync",
        sync,
        r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d",
            "ContainerOverrides":{"Environment":[{"Name":"MANAGED_BY_AWS","Value":"STARTED_BY_STEP_FUNCTIONS"}]}}"#,
    );
    check_prepared(
        "batch:submitJob.sync",
        r#"{"ContainerOverrides":{"Command":["x"],"Environment":[{"Name":"A","Value":1}]},"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#,
        r#"{"ContainerOverrides":{"Command":["x"],"Environment":[{"Name":"A","Value":1},
            {"Name":"MANAGED_BY_AWS","Value":"STARTED_BY_STEP_FUNCTIONS"}]},"JobName":"j","JobQueue":"q","JobDefinition":"d"}"#,
    );
    let nodes = r#"{"JobName":"j","JobQueue":"q","JobDefinition":"d","NodeOverrides":{"NumNodes":2}}"#;
    check_prepared("batch:submitJob.sync", nodes, nodes);
}

#[test]
fn ecs_tasks_say_who_started_them_when_the_state_waits() {
    let plain = r#"{"TaskDefinition":"t"}"#;
    check_prepared("ecs:runTask", plain, plain);
    check_prepared("ecs:runTask.waitForTaskToken", plain, plain);
    check_prepared("ecs:runTask.sync", plain, r#"{"TaskDefinition":"t","StartedBy":"AWS Step Functions"}"#);
    let own = r#"{"TaskDefinition":"t","StartedBy":"me"}"#;
    check_prepared("ecs:runTask.sync", own, own);
}

#[test]
fn parameters_are_shown_untouched_nulls_included() {
    let item = r#"{"TableName":"t","Item":null}"#;
    check_prepared("dynamodb:putItem", item, item);
}

#[test]
fn faults_at_run_time_are_the_reasons_in_brackets() {
    let reasons =
        |resource: &str, parameters: &str| with(resource, |i| i.prepare(json(parameters)).unwrap_err());
    assert_eq!(
        reasons("glue:startJobRun", r#"{"Jobname":"j"}"#),
        [
            r#"The field "Jobname" is not supported by Step Functions"#,
            "The field 'JobName' is required but was missing"
        ]
    );
    for many in [r#"{"TaskDefinition":"t","Count":2}"#, r#"{"TaskDefinition":"t","Count":"2"}"#] {
        assert_eq!(
            reasons("ecs:runTask.sync", many),
            ["The value for the field 'Count' must be 1 to run a job (.sync)"]
        );
    }
    with("ecs:runTask", |i| assert!(i.prepare(json(r#"{"TaskDefinition":"t","Count":2}"#)).is_ok()));
}

#[test]
fn templates_are_checked_below_their_field() {
    let catalog = integrations();
    let check = |arn: &str, field: &str, template: &str| {
        let resource = catalog.resolve(arn).unwrap();
        let faults = catalog.check_template(&resource, field, &json(template));
        faults.into_iter().map(|f| format!("{} at {}", f.message, f.pointer)).collect::<Vec<_>>()
    };
    let sync = "arn:aws:states:::batch:submitJob.sync";
    assert_eq!(
        check(sync, "Parameters", r#"{"JobName.$":"$.n","JobQueue":"q","ContainerOverrides":{"Env":[]}}"#),
        [
            r#"The field "Env" is not supported by Step Functions at /Parameters/ContainerOverrides"#,
            "The field 'JobDefinition' is required but was missing at /Parameters",
        ]
    );
    assert_eq!(check(sync, "Arguments", r#""{% $states.input %}""#), Vec::<String>::new());
    let ecs = "arn:aws:states:::ecs:runTask.sync";
    assert_eq!(check(ecs, "Arguments", r#"{"TaskDefinition":"t","Count":3}"#).len(), 1);
    assert_eq!(check(ecs, "Arguments", r#"{"TaskDefinition":"t","Count":"{% 3 %}"}"#), Vec::<String>::new());
}

#[test]
fn preparing_by_the_languages_trait_is_the_same() {
    let catalog = integrations();
    let origin = TaskOrigin {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e",
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m",
        account: "000000000000",
        region: "us-east-1",
    };
    let resource = catalog.resolve("arn:aws:states:::ecs:runTask.sync").unwrap();
    let prepared = catalog.prepare(&resource, json(r#"{"TaskDefinition":"t"}"#), origin).unwrap();
    assert_eq!(prepared.get("StartedBy").and_then(Value::as_str), Some("AWS Step Functions"));
}

proptest! {
    #[test]
    fn no_arn_or_parameters_panic(arn in "(arn:aws:states:::)?(batch|ecs|glue|.{0,5}):(submitJob|runTask|.{0,5})(\\.sync|.{0,4})",
                                  text in "[\\[\\]{}\",:a-zA-Z0-9]{0,40}") {
        let catalog = integrations();
        if let (Ok(found), Ok(parameters)) = (catalog.find(&arn), Value::parse(&text)) {
            let _ = found.prepare(parameters);
        }
    }
}
