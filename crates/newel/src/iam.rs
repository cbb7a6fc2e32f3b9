//! `newel iam`: the least IAM policy that a definition's Tasks need.

use std::sync::Arc;

use newel_asl::{Diagnostic, Limits, MachineType};
use newel_aws_catalog::Catalog;
use newel_integrations::{Integrations, iam};
use newel_value::Value;

use crate::arguments::{Failure, Iam, Outcome, exit, read_file};

/// Runs the command.
pub(crate) fn run(command: &Iam) -> Outcome {
    let text = read_file(&command.file)?;
    let catalog =
        Catalog::find(command.catalog.as_deref()).map_err(|error| Failure::new(exit::NO_INPUT, error))?;
    let integrations = Integrations::new(Arc::new(catalog));
    // As Standard: what an Express machine can't have needs nothing else.
    let found = newel_asl::validate(&text, MachineType::Standard, &integrations, &Limits::default());
    let file = command.file.display();
    let definition = Value::parse(&text).unwrap_or_default();
    let may_be_known = |error: &&Diagnostic| {
        let at = error.location.as_deref().filter(|location| location.ends_with("/Resource"));
        let arn = at.and_then(|location| definition.pointer(location)).and_then(Value::as_str);
        // A worker may have registered it with a server.
        arn.is_some_and(|arn| integrations.may_be_registered(arn))
    };
    let wrong: Vec<&Diagnostic> = found.errors().filter(|error| !may_be_known(error)).collect();
    for error in &wrong {
        eprintln!("{file}: error: {error}");
    }
    if !wrong.is_empty() {
        return Ok(exit::FAILED);
    }
    let policy = iam::policy(&integrations, &definition, command.role.as_deref());
    println!("{}", policy.document);
    for note in &policy.notes {
        eprintln!("{file}: {note}");
    }
    Ok(exit::SUCCESS)
}
