//! `newel test`: cases of a file of mocks, played on virtual time.

use std::path::Path;
use std::sync::Arc;

use newel_asl::{Limits, Plan, Severity, Timestamp};
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use newel_machine::{Fault, Outcome as Ending};
use newel_rehearsal::{Case, Expectation, Mocks, Problem, Record, Scene, Step, rehearse};
use newel_value::{Object, ObjectBuilder, Payload, Value};

use crate::arguments::{Failure, Outcome, Test, exit, read_file};
use crate::position;
use crate::start::input;

/// The definition, the mocks or the input are wrong.
const BAD_INPUT: u8 = 2;

/// 2024-01-01T00:00:00Z: rehearsals begin at the same moment, so that their outputs can be compared.
const START: Timestamp = Timestamp::from_millis(1_704_067_200_000);

/// Runs the command.
pub(crate) fn run(command: &Test) -> Outcome {
    let bad = |failure: Failure| Failure { code: BAD_INPUT, ..failure };
    let text = read_file(&command.file).map_err(bad)?;
    let mocks_text = read_file(&command.mocks).map_err(bad)?;
    let given = command.input.as_deref().map(input).transpose().map_err(bad)?;
    let catalog = Catalog::find(command.catalog.as_deref()).map_err(|e| Failure::new(BAD_INPUT, e))?;
    let integrations = Integrations::new(Arc::new(catalog));
    let limits = Limits::default();
    let plan = compiled(command, &text, &integrations, &limits)?;
    let machine = name_of(command);
    let mocks = Mocks::parse(&mocks_text, Some(&machine))
        .map_err(|fault| misplaced(&command.mocks, &mocks_text, &fault.location, &fault.message))?;
    let scene =
        Scene { plan: &plan, catalog: &integrations, limits: &limits, machine: &machine, start: START };
    let (mut failed, mut unplayed) = (false, false);
    for (name, case) in chosen(command, &mocks)? {
        let mut case = case.clone();
        if let Some(given) = &given {
            case.input = Some(Payload::from_checked_text(given.as_str()));
        }
        let record = match rehearse(scene, &case) {
            Ok(record) => record,
            Err(problem) => {
                unplayed = true;
                tell_unplayable(command, &mocks_text, name, &problem);
                continue;
            }
        };
        let differences = differences(case.expectation.as_ref(), &record);
        failed |= !differences.is_empty();
        if command.json {
            println!("{}", as_json(name, &record, &differences));
        } else {
            tell(name, &record, &differences);
        }
    }
    Ok(match (unplayed, failed) {
        (true, _) => BAD_INPUT,
        (false, true) => exit::FAILED,
        (false, false) => exit::SUCCESS,
    })
}

fn compiled(
    command: &Test,
    text: &str,
    integrations: &Integrations,
    limits: &Limits,
) -> Result<Plan, Failure> {
    newel_asl::compile(text, command.machine_type.into(), integrations, limits).map_err(|found| {
        let file = command.file.display();
        let errors = found.as_slice().iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let lines: Vec<String> = errors
            .map(|diagnostic| {
                let location = diagnostic.location.as_deref();
                format!("{file}{}: {diagnostic}", location.map_or_else(String::new, |at| place(text, at)))
            })
            .collect();
        Failure::new(BAD_INPUT, anyhow::anyhow!("the definition is refused\n{}", lines.join("\n")))
    })
}

/// The state machine that is meant: the file's name up to its first dot, unless it is said.
fn name_of(command: &Test) -> String {
    let file = command.file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let stem = file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("machine");
    command.state_machine.clone().unwrap_or_else(|| stem.to_owned())
}

/// The cases to run.
fn chosen<'m>(command: &Test, mocks: &'m Mocks) -> Result<Vec<(&'m str, &'m Case)>, Failure> {
    let all: Vec<(&str, &Case)> = mocks.cases.iter().map(|(name, case)| (&**name, case)).collect();
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let bad = |message: String| Failure::new(BAD_INPUT, anyhow::anyhow!("{message}"));
    let file = command.mocks.display();
    match &command.case {
        None if all.is_empty() => Err(bad(format!("{file} has no cases"))),
        None => Ok(all),
        Some(wanted) => match all.iter().find(|(name, _)| name == wanted) {
            Some(found) => Ok(vec![*found]),
            None => Err(bad(format!("{file} has no case {wanted}; there are: {}", names()))),
        },
    }
}

/// `:line:column` of a place in a file, if the file has it.
fn place(text: &str, location: &str) -> String {
    position::find(text, location).map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
}

fn misplaced(file: &Path, text: &str, location: &str, message: &str) -> Failure {
    let file = file.display();
    Failure::new(BAD_INPUT, anyhow::anyhow!("{file}{}: {location} {message}", place(text, location)))
}

/// Says why a case can't be played; the others are.
fn tell_unplayable(command: &Test, text: &str, case: &str, problem: &Problem) {
    let place = place(text, problem.location().unwrap_or_default());
    let message = format!("{}{place}: case {case}: {problem}", command.mocks.display());
    if command.json {
        let mut members = ObjectBuilder::with_capacity(2);
        members.insert("case", case).insert("problem", message);
        println!("{}", Value::from(members.build()));
    } else {
        eprintln!("newel: {message}");
        println!("FAILED {case}");
    }
}

/// What didn't come out as expected; without an expectation, that the execution didn't succeed.
fn differences(expectation: Option<&Expectation>, record: &Record) -> Vec<String> {
    match expectation {
        Some(expectation) => expectation.differences(record),
        None => {
            let succeeds = Expectation { status: Some("SUCCEEDED".into()), ..Expectation::default() };
            succeeds.differences(record)
        }
    }
}

/// Tells a person.
fn tell(case: &str, record: &Record, differences: &[String]) {
    println!("{case}");
    for step in &record.steps {
        println!("{}", line(step));
    }
    println!("  {} after {}", record.status(), duration(record.millis));
    match &record.outcome {
        Ending::Succeeded(output) => println!("  {}", output.text()),
        Ending::Failed(fault) | Ending::TimedOut(fault) | Ending::Aborted(fault) => {
            println!("  {}", told(fault));
        }
    }
    for difference in differences {
        println!("  ✗ {difference}");
    }
    println!("{} {case}", if differences.is_empty() { "ok" } else { "FAILED" });
}

/// One visit of a state: when, which, and what its calls did.
fn line(step: &Step) -> String {
    let indent = "  ".repeat(step.depth);
    let iteration = step.iteration.map(|index| format!("[{index}] ")).unwrap_or_default();
    let mut line =
        format!("  {:>12}  {indent}{iteration}{} ({})", duration(step.at), step.state, step.state_type);
    for (number, attempt) in step.attempts.iter().enumerate() {
        let fault = attempt.fault.as_ref().map_or_else(String::new, |fault| format!(" {}", told(fault)));
        if step.attempts.len() > 1 || !fault.is_empty() {
            line.push_str(&format!("\n  {:>12}  {indent}  call {number}{fault}", duration(attempt.at)));
        }
    }
    line
}

fn told(fault: &Fault) -> String {
    let error = fault.error.as_deref().unwrap_or("(no error)");
    match fault.cause.as_deref() {
        Some(cause) if !cause.is_empty() => format!("{error}: {cause}"),
        _ => error.to_owned(),
    }
}

/// A time since the start: `1d 2h 3m 4.5s`, without what is none.
fn duration(millis: i64) -> String {
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let mut parts: Vec<String> =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count}{unit}"))
            .collect();
    match (seconds % 60, millis) {
        (0, 0) if !parts.is_empty() => {}
        (seconds, 0) => parts.push(format!("{seconds}s")),
        (seconds, millis) => parts.push(format!("{seconds}.{millis:03}s")),
    }
    parts.join(" ")
}

/// Tells a program.
fn as_json(case: &str, record: &Record, differences: &[String]) -> Value {
    let steps: Value = record.steps.iter().map(step_json).collect();
    let mut members = ObjectBuilder::with_capacity(8);
    members.insert("case", case).insert("status", record.status()).insert("millis", record.millis);
    match &record.outcome {
        Ending::Succeeded(output) => {
            members.insert("output", output.value().clone());
        }
        Ending::Failed(fault) | Ending::TimedOut(fault) | Ending::Aborted(fault) => {
            put_fault(&mut members, fault);
        }
    }
    members.insert("states", steps);
    members
        .insert("differences", differences.iter().map(|text| Value::from(text.as_str())).collect::<Value>());
    members.build().into()
}

fn step_json(step: &Step) -> Value {
    let attempts: Value = step
        .attempts
        .iter()
        .map(|attempt| {
            let mut members = ObjectBuilder::with_capacity(3);
            members.insert("at", attempt.at);
            if let Some(fault) = &attempt.fault {
                put_fault(&mut members, fault);
            }
            Value::from(members.build())
        })
        .collect();
    let mut members = ObjectBuilder::with_capacity(8);
    members.insert("name", step.state.clone()).insert("type", step.state_type).insert("at", step.at);
    members.insert("depth", i64::try_from(step.depth).unwrap_or(i64::MAX));
    members.insert_some("iteration", step.iteration.and_then(|index| i64::try_from(index).ok()));
    members.insert("calls", attempts);
    if let Some((at, output)) = &step.left {
        members.insert("left", *at).insert("output", output.value().clone());
    }
    let members: Object = members.build();
    members.into()
}

fn put_fault(members: &mut ObjectBuilder, fault: &Fault) {
    members.insert_some("error", fault.error.clone());
    members.insert_some("cause", fault.cause.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (millis, text) in
            [(0, "0s"), (1_500, "1.500s"), (60_000, "1m"), (86_400_000, "1d"), (90_061_000, "1d 1h 1m 1s")]
        {
            assert_eq!(duration(millis), text);
        }
    }
}
