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
        ("Parameters", r#"{"ModelId":"m","Output":{}}"#, &["The field 'S3Uri' is required but was missing"]),
    ] {
        let faults = integrations.check_template(&resource, field, &Value::parse(template).unwrap());
        let messages: Vec<&str> = faults.iter().map(|fault| &*fault.message).collect();
        assert_eq!(messages, expect, "{template}");
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
