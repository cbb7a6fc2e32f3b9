//! The tables against the models of all services. `NEWEL_CATALOG` names the packed file; without it this says so and
//! passes, unless `NEWEL_REQUIRE_DATA=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use newel_aws_catalog::Catalog;
use newel_integrations::descriptor::{Idempotency, Ids, Scope};
use newel_integrations::families::FAMILIES;
use newel_integrations::{Integration, Integrations};

fn integrations() -> Option<Integrations> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.newel/aws-catalog.bin"));
    let path = env::var_os("NEWEL_CATALOG").map_or_else(default, PathBuf::from);
    if !path.exists() {
        assert!(env::var_os("NEWEL_REQUIRE_DATA").is_none_or(|v| v != "1"), "{} is missing", path.display());
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(Integrations::new(Arc::new(Catalog::open(path).unwrap())))
}

/// Whether the request (or answer) of an operation has that member on the wire.
fn has(of: &Integration<'_>, operation: &str, answer: bool, member: &str) -> bool {
    let operation = of.api.operation(operation).unwrap_or_else(|| panic!("no operation {operation}"));
    let shape = if answer { operation.output } else { operation.input };
    of.api.members(shape.unwrap()).iter().any(|m| **m.wire_name() == *member)
}

#[track_caller]
fn assert_takes(of: &Integration<'_>, operation: &str, members: &[Option<&str>]) {
    for member in members.iter().flatten() {
        assert!(has(of, operation, false, member), "{operation} takes no {member}");
    }
}

const fn member_of(ids: Ids) -> Option<&'static str> {
    match ids {
        Ids::One(member) | Ids::Many(member, _) => Some(member),
    }
}

fn first_step(pointer: &str) -> &str {
    pointer.split('/').nth(1).unwrap_or_default()
}

#[test]
fn every_name_in_the_tables_is_in_the_models() {
    let Some(integrations) = integrations() else { return };
    for family in FAMILIES {
        for action in family.actions {
            let found =
                integrations.find(&format!("arn:aws:states:::{}:{}", family.service, action.name)).unwrap();
            for member in action.repeated {
                assert_takes(&found, action.operation, &[Some(member)]);
            }
            if let Some(failures) = action.failures {
                assert!(has(&found, action.operation, true, failures.member));
            }
            match action.idempotency {
                Idempotency::Token { member, .. } | Idempotency::Marker { member, .. } => {
                    assert_takes(&found, action.operation, &[Some(member)]);
                }
                Idempotency::None => {}
            }
            let Some(job) = action.job else { continue };
            assert!(has(&found, action.operation, true, first_step(job.id)));
            match job.scope {
                Some(Scope::Request(pointer)) => {
                    assert_takes(&found, action.operation, &[Some(first_step(pointer))])
                }
                Some(Scope::Answer(pointer)) => {
                    assert!(has(&found, action.operation, true, first_step(pointer)))
                }
                None => {}
            }
            assert_takes(&found, job.describe.operation, &[job.describe.scope, member_of(job.describe.ids)]);
            assert!(has(&found, job.describe.operation, true, job.describe.jobs));
            assert_takes(
                &found,
                job.cancel.operation,
                &[job.cancel.scope, member_of(job.cancel.ids), job.cancel.reason],
            );
            if let Some(sweep) = job.sweep {
                assert_takes(
                    &found,
                    sweep.operation,
                    &[Some(sweep.scope), Some(sweep.page_size), Some(sweep.next)],
                );
                assert!(
                    has(&found, sweep.operation, true, sweep.jobs)
                        && has(&found, sweep.operation, true, sweep.next)
                );
            }
            let shape = found.api.shape_named(job.shape).unwrap();
            let members: Vec<&str> = found.api.members(shape).iter().map(|m| &**m.wire_name()).collect();
            assert!(
                members.contains(&job.describe.id) && members.contains(&job.ending.status),
                "{members:?}"
            );
        }
    }
}
