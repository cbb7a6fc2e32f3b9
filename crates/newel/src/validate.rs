//! `newel validate`: what CreateStateMachine would say of a definition, with the place in the file.

use std::path::Path;
use std::sync::Arc;

use newel_asl::{Diagnostic, Diagnostics, Limits, Severity};
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use newel_value::{ObjectBuilder, Value};

use crate::arguments::{Failure, Outcome, Validate, exit, read_file};
use crate::position;

/// Runs the command.
pub(crate) fn run(command: &Validate) -> Outcome {
    let text = read_file(&command.file)?;
    let catalog =
        Catalog::find(command.catalog.as_deref()).map_err(|error| Failure::new(exit::NO_INPUT, error))?;
    let integrations = Integrations::new(Arc::new(catalog));
    let found = newel_asl::validate(&text, command.machine_type.into(), &integrations, &Limits::default());
    if command.json {
        println!("{}", answer(&found));
    } else {
        tell(&command.file, &text, &found);
    }
    Ok(if found.is_refusal() { exit::FAILED } else { exit::SUCCESS })
}

/// What ValidateStateMachineDefinition answers.
fn answer(found: &Diagnostics) -> Value {
    let diagnostic = |diagnostic: &Diagnostic| -> Value {
        let mut members = ObjectBuilder::with_capacity(4);
        members
            .insert("severity", diagnostic.severity.as_str())
            .insert("code", diagnostic.code.as_str())
            .insert("message", diagnostic.message.as_str());
        members.insert_some("location", diagnostic.location.as_deref());
        members.build().into()
    };
    let mut members = ObjectBuilder::with_capacity(3);
    members
        .insert("result", if found.is_refusal() { "FAIL" } else { "OK" })
        .insert("diagnostics", found.as_slice().iter().map(diagnostic).collect::<Value>())
        .insert("truncated", found.is_truncated());
    members.build().into()
}

/// Tells a person, with the places in the file.
fn tell(file: &Path, text: &str, found: &Diagnostics) {
    let file = file.display();
    for diagnostic in found.as_slice() {
        let place = diagnostic.location.as_deref().and_then(|location| position::find(text, location));
        let place = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let location = diagnostic.location.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
        println!("{file}{place}: {severity}: {}: {}{location}", diagnostic.code.as_str(), diagnostic.message);
    }
    if found.is_truncated() {
        println!("{file}: there is more to say once these are mended");
    }
    let errors = found.errors().count();
    match errors {
        0 => println!("{file}: valid"),
        1 => println!("{file}: 1 error"),
        n => println!("{file}: {n} errors"),
    }
}
