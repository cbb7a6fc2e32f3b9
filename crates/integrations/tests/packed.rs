//! The tables against the models of all services. `NEWEL_CATALOG` names the packed file; without it this says so and
//! passes, unless `NEWEL_REQUIRE_DATA=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use newel_asl::catalog::ResourceCatalog as _;
use newel_aws_catalog::{ShapeId, ShapeKind};
use newel_integrations::Integration;
use newel_integrations::descriptor::{Describe, Idempotency, Ids, Job, Several, Source, Sweep};
use newel_integrations::families::FAMILIES;
use newel_value::Value;
use support::integrations;

/// The shape of an operation's request or answer.
fn shape_of(of: &Integration<'_>, operation: &str, answer: bool) -> ShapeId {
    let operation = of.api.operation(operation).unwrap_or_else(|| panic!("no operation {operation}"));
    (if answer { operation.output } else { operation.input }).unwrap()
}

/// The shape at a JSON pointer of the wire's names. A number is an element of a list.
#[track_caller]
fn at(of: &Integration<'_>, from: ShapeId, pointer: &str) -> ShapeId {
    let mut shape = from;
    for step in pointer.split('/').skip(1) {
        shape = match &of.api.shape(shape).kind {
            ShapeKind::List(list) => list.member,
            _ => {
                let members = of.api.members(shape);
                let member = members.iter().find(|member| **member.wire_name() == *step);
                member.unwrap_or_else(|| panic!("{} has no {step}", of.api.shape(shape).name)).shape
            }
        };
    }
    shape
}

#[track_caller]
fn assert_takes(of: &Integration<'_>, operation: &str, members: &[Option<&str>]) {
    let request = shape_of(of, operation, false);
    for member in members.iter().flatten() {
        at(of, request, &format!("/{member}"));
    }
}

const fn member_of(ids: Ids) -> Option<&'static str> {
    match ids {
        Ids::One(member) | Ids::Many(member, _) => Some(member),
    }
}

#[track_caller]
fn assert_has(of: &Integration<'_>, source: Source) {
    let operation = of.action.operation;
    match source {
        Source::Answer(pointer) => at(of, shape_of(of, operation, true), pointer),
        Source::Request(pointer) => at(of, shape_of(of, operation, false), pointer),
    };
}

/// The shape of one job in what a describe call answers.
#[track_caller]
fn described(of: &Integration<'_>, operation: &str, jobs: &str, id: Option<&str>) -> ShapeId {
    let jobs = at(of, shape_of(of, operation, true), jobs);
    let job = match &of.api.shape(jobs).kind {
        ShapeKind::List(list) => list.member,
        _ => jobs,
    };
    if let Some(id) = id {
        at(of, job, &format!("/{id}"));
    }
    job
}

#[track_caller]
fn check_describe(of: &Integration<'_>, describe: &Describe) -> ShapeId {
    assert_takes(of, describe.operation, &[describe.scope, member_of(describe.ids)]);
    described(of, describe.operation, describe.jobs, describe.id)
}

/// A listing by states shows every job that isn't over.
#[track_caller]
fn check_states(of: &Integration<'_>, job: &Job, sweep: &Sweep) {
    let shape = at(of, described(of, sweep.operation, sweep.jobs, Some(sweep.id)), job.ending.status);
    let (Some((_, going_on)), ShapeKind::String(known)) = (sweep.states, &of.api.shape(shape).kind) else {
        return;
    };
    let over = |state: &str| job.ending.succeeded.contains(&state) || job.ending.failed.contains(&state);
    let open: BTreeSet<&str> = known.iter().map(|state| &**state).filter(|state| !over(state)).collect();
    assert_eq!(open, going_on.iter().copied().collect());
}

fn check_job(of: &Integration<'_>, job: &Job) {
    assert_has(of, job.id);
    if let Some(scope) = job.scope {
        assert_has(of, scope);
    }
    let shape = check_describe(of, &job.describe);
    at(of, shape, job.ending.status);
    match &job.several {
        Some(Several::Batch(describe) | Several::Summaries(describe)) => {
            at(of, check_describe(of, describe), job.ending.status);
        }
        Some(Several::Sweep(sweep)) => {
            let chosen =
                [sweep.states.map(|(member, _)| member), sweep.newest_first.map(|(member, _)| member)];
            assert_takes(of, sweep.operation, &[sweep.scope, Some(sweep.page_size), Some(sweep.next.0)]);
            assert_takes(of, sweep.operation, &chosen);
            check_states(of, job, sweep);
            at(of, shape_of(of, sweep.operation, true), &format!("/{}", sweep.next.1));
            at(of, described(of, sweep.operation, sweep.jobs, Some(sweep.id)), job.ending.status);
        }
        None => {}
    }
    if let Some(cancel) = &job.cancel {
        assert_takes(of, cancel.operation, &[cancel.scope, member_of(cancel.ids), cancel.reason]);
    }
    let result = of.api.shape_named(job.result.shape).unwrap_or_else(|| panic!("no {}", job.result.shape));
    at(of, result, job.ending.status);
    for (_, pointer) in job.result.beside {
        at(of, shape, pointer);
    }
}

#[test]
fn a_definition_s_places_in_s3_are_checked_as_far_as_they_are_literal() {
    let Some(integrations) = integrations() else { return };
    let resource = integrations.resolve("arn:aws:states:::bedrock:invokeModel").unwrap();
    let both = "Only one of the fields 'Body' and 'Input' may be given";
    for (field, template, expect) in [
        (
            "Parameters",
            r#"{"ModelId":"m","Input":{"S3Uri.$":"$.in"},"Output":{"S3Uri":"s3://b/k"}}"#,
            &[][..],
        ),
        ("Parameters", r#"{"ModelId":"m","Input.$":"$.in","Output":{"S3Uri":"s3://b/k"}}"#, &[]),
        ("Arguments", r#"{"ModelId":"m","Input":"{% $in %}"}"#, &[]),
        ("Parameters", r#"{"ModelId":"m","Input":{"S3Uri.$":"$.in"},"Body.$":"$"}"#, &[both]),
        (
            "Parameters",
            r#"{"ModelId":"m","Body":1,"Output":{}}"#,
            &["The field 'S3Uri' is required but was missing"],
        ),
        ("Parameters", r#"{"ModelId":"m"}"#, &["The field 'Body' is required but was missing"]),
    ] {
        let faults = integrations.check_template(&resource, field, &Value::parse(template).unwrap());
        let messages: Vec<&str> = faults.iter().map(|fault| &*fault.message).collect();
        assert_eq!(messages, expect, "{template}");
    }
}

#[test]
fn a_model_is_asked_in_json_unless_the_state_says_otherwise() {
    let Some(integrations) = integrations() else { return };
    let model = integrations.find("arn:aws:states:::bedrock:invokeModel").unwrap();
    let request = |parameters: &str| model.request(&Value::parse(parameters).unwrap(), "arn", None);
    for (parameters, expected) in [
        (
            r#"{"ModelId":"m","Body":1}"#,
            r#"{"modelId":"m","body":"MQ==","accept":"application/json","contentType":"application/json"}"#,
        ),
        (
            r#"{"ModelId":"m","Body":1,"Accept":"image/png","ContentType":"text/plain"}"#,
            r#"{"modelId":"m","body":"MQ==","accept":"image/png","contentType":"text/plain"}"#,
        ),
        (r#"{"ModelId":"m","Input":{"S3Uri":"s3://b/k"}}"#, r#"{"modelId":"m","accept":"application/json"}"#),
    ] {
        assert_eq!(request(parameters).unwrap().body, Value::parse(expected).unwrap(), "{parameters}");
    }
    let nothing = request(r#"{"ModelId":"m"}"#).unwrap_err();
    assert_eq!(nothing, ["The field 'Body' is required but was missing"]);
    // The object says what it is, unless whoever stored it didn't.
    for (told, sent) in [
        (r#","ContentType":"text/csv""#, "text/csv"),
        (r#","ContentType":"binary/octet-stream""#, "application/json"),
        ("", "application/json"),
    ] {
        let stored = request(r#"{"ModelId":"m","Input":{"S3Uri":"s3://b/k"}}"#).unwrap();
        let read = Value::parse(&format!(r#"{{"Body":"MQ=="{told}}}"#)).unwrap();
        let body = model.with_stored_input(stored, &read).body;
        assert_eq!(body.get("contentType").and_then(Value::as_str), Some(sent));
    }
    // Other bodies of bytes are JSON too, in an API of JSON; one that is streamed is text.
    for (action, parameters, sent) in [
        ("bedrockruntime:invokeModel", r#"{"ModelId":"m","Body":{}}"#, Some("application/json")),
        ("bedrockruntime:invokeModel", r#"{"ModelId":"m","Body":{},"ContentType":"a/b"}"#, Some("a/b")),
        ("bedrockruntime:invokeModel", r#"{"ModelId":"m"}"#, None),
        ("s3:putObject", r#"{"Bucket":"b","Key":"k","Body":{}}"#, Some("text/plain; charset=UTF-8")),
    ] {
        let arn = format!("arn:aws:states:::aws-sdk:{action}");
        let body =
            integrations.sdk_action(&arn).unwrap().request(&Value::parse(parameters).unwrap()).unwrap();
        let kind = body.get("contentType").or_else(|| body.get("ContentType"));
        assert_eq!(kind.and_then(Value::as_str), sent, "{action} {parameters}");
    }
}

#[test]
fn what_streams_events_is_not_offered() {
    let Some(integrations) = integrations() else { return };
    let mut refused = 0;
    for name in integrations.catalog().names() {
        let api = integrations.catalog().service(name).unwrap().unwrap();
        for operation in api.operations() {
            let members =
                operation.input.iter().chain(&operation.output).flat_map(|shape| api.members(*shape));
            let streams = members
                .map(|member| &api.shape(member.shape).kind)
                .any(|kind| matches!(kind, ShapeKind::Structure(structure) if structure.event_stream));
            let action = newel_aws_catalog::naming::action(&operation.name);
            let found = integrations.sdk_action(&format!("arn:aws:states:::aws-sdk:{name}:{action}")).is_ok();
            assert!(!(streams && found), "{name}:{action}");
            refused += usize::from(streams);
        }
    }
    assert!(refused > 20, "{refused}");
    for offered in ["aws-sdk:bedrockruntime:converse", "bedrockagentcore:invokeHarness"] {
        assert!(integrations.resolve(&format!("arn:aws:states:::{offered}")).is_ok(), "{offered}");
    }
}

#[test]
fn a_session_s_id_is_long() {
    let Some(integrations) = integrations() else { return };
    let resource = integrations.resolve("arn:aws:states:::bedrockagentcore:invokeHarness").unwrap();
    let faults = |field: &str, id: &str| {
        let template = format!(r#"{{"HarnessArn":"a","RuntimeSessionId":"{id}","Messages":[]}}"#);
        let faults = integrations.check_template(&resource, field, &Value::parse(&template).unwrap());
        faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect::<Vec<_>>()
    };
    let short = "The value of the field 'RuntimeSessionId' has fewer than 33 characters";
    assert_eq!(faults("Parameters", &"i".repeat(32)), [("/Parameters".to_owned(), short.to_owned())]);
    assert_eq!(faults("Parameters", &"i".repeat(33)), []);
    assert_eq!(faults("Arguments", "{% $id %}"), []);
}

#[test]
fn parameters_of_another_kind_are_the_language_s_to_refuse() {
    let Some(integrations) = integrations() else { return };
    for arn in ["batch:submitJob", "aws-sdk:s3:getObject", "http:invoke", "states:startExecution"] {
        let resource = integrations.resolve(&format!("arn:aws:states:::{arn}")).unwrap();
        assert!(integrations.check_template(&resource, "Parameters", &"x".into()).is_empty(), "{arn}");
    }
}

#[test]
fn every_name_in_the_tables_is_in_the_models() {
    let Some(integrations) = integrations() else { return };
    for family in FAMILIES {
        for action in family.actions {
            let arn = format!("arn:aws:states:::{}:{}", family.service, action.name);
            let found = integrations.find(&arn).unwrap();
            match action.idempotency {
                Idempotency::Token { member, .. } | Idempotency::Marker { member, .. } => {
                    assert_takes(&found, action.operation, &[Some(member)]);
                }
                Idempotency::Name { .. } | Idempotency::Natural | Idempotency::None => {}
            }
            if let Some(job) = &action.job {
                check_job(&found, job);
            }
        }
    }
}
