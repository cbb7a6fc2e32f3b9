//! A catalog that knows little: enough to see what the language asks and does with the answers.

use newel_asl::{Diagnostics, compile, validate};
use newel_asl::{Limits, MachineType, Pattern, Plan, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_value::Value;

/// Takes every ARN but those of a service `nope`, and refuses the parameter `Nope`.
pub(crate) struct TestCatalog;

impl ResourceCatalog for TestCatalog {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let mut parts = arn.rsplitn(3, ':');
        let last = parts.next().unwrap_or_default();
        let (service, action) = match last.strip_prefix('2') {
            Some("") => {
                (arn.rsplit(':').nth(2).unwrap_or_default(), arn.rsplit(':').nth(1).unwrap_or_default())
            }
            _ => (parts.next().unwrap_or_default(), last),
        };
        if service == "nope" {
            return Err(ResourceFault {
                pointer: "/Resource".to_owned(),
                message: format!("The resource provided {arn} is not recognized."),
            });
        }
        let pattern = match action.rsplit_once('.') {
            Some((_, "sync")) => Pattern::Job(if last == "2" { 2 } else { 1 }),
            Some((_, "waitForTaskToken")) => Pattern::Callback,
            _ => Pattern::RequestResponse,
        };
        Ok(Resource {
            arn: arn.into(),
            family: service.into(),
            resource_type: service.into(),
            action: action.into(),
            pattern,
            express: pattern == Pattern::RequestResponse,
        })
    }

    fn check_template(&self, _: &Resource, field: &str, template: &Value) -> Vec<ResourceFault> {
        template
            .get("Nope")
            .map(|_| ResourceFault {
                pointer: format!("/{field}"),
                message: "The field 'Nope' is not supported by Step Functions".to_owned(),
            })
            .into_iter()
            .collect()
    }

    fn prepare(&self, _: &Resource, parameters: Value, _: TaskOrigin<'_>) -> Result<Value, Vec<String>> {
        Ok(parameters)
    }
}

/// Compiles for a Standard machine with AWS's limits.
pub(crate) fn compiled(definition: &str) -> Result<Plan, Diagnostics> {
    compile(definition, MachineType::Standard, &TestCatalog, &Limits::default())
}

/// What is said about a definition: `CODE: message at location` each, the commonest code left out, joined by ` | `.
pub(crate) fn said(definition: &str, machine_type: MachineType) -> String {
    let found = validate(definition, machine_type, &TestCatalog, &Limits::default());
    let lines: Vec<String> = found.as_slice().iter().map(ToString::to_string).collect();
    lines
        .iter()
        .map(|line| line.strip_prefix("SCHEMA_VALIDATION_FAILED: ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join(" | ")
}

/// A definition whose one state `X` has these fields.
pub(crate) fn with_state(fields: &str) -> String {
    format!(r#"{{"StartAt":"X","States":{{"X":{{{fields}}}}}}}"#)
}

/// Asserts what is said about definitions whose state `X` has these fields.
pub(crate) fn check_states(cases: &[(&str, &str)]) {
    for (fields, expect) in cases {
        assert_eq!(said(&with_state(fields), MachineType::Standard), *expect, "{fields}");
    }
}
