//! Definitions that AWS took, and what it said of those it refused (see the folder that `NEWEL_CONFORMANCE` names).

use std::path::PathBuf;

use newel_asl::{Limits, MachineType, Severity, validate};
use newel_value::Value;

use crate::catalog::TestCatalog;

/// Definitions that AWS took and this crate refuses, or the other way round, with the reason.
const KNOWN_GAPS: [(&str, &str); 0] = [];

/// The cases of all groups; none, said plainly, where the data is absent.
fn cases() -> Vec<Value> {
    let folder = std::env::var_os("NEWEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let folder = folder.join("sfn/cases");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let required = std::env::var_os("NEWEL_REQUIRE_DATA").is_some_and(|value| value == "1");
        assert!(!required, "the Step Functions conformance data is required: {}", folder.display());
        println!("skipped: no Step Functions conformance data at {}", folder.display());
        return Vec::new();
    };
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file.expect("a folder that can be read").path())
            .expect("a file that can");
        let group = Value::parse(&text).expect("JSON");
        cases.extend(group.get("cases").and_then(Value::as_array).unwrap_or_default().to_vec());
    }
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The definitions a case creates machines from, with the machine's type. Stand-ins for ARNs become ARNs.
fn definitions(case: &Value) -> Vec<(String, MachineType)> {
    let steps = case.get("steps").and_then(Value::as_array).unwrap_or_default();
    steps
        .iter()
        .filter(|step| text(step, "/op") == "CreateStateMachine")
        .map(|step| {
            let machine_type = MachineType::parse(text(step, "/params/type")).unwrap_or_default();
            (text(step, "/params/definition").replace("${", "arn:aws:lambda:${"), machine_type)
        })
        .collect()
}

#[test]
fn definitions_that_aws_took_compile() {
    let (mut compiled, mut later, mut wrong) = (0, 0, Vec::new());
    for case in cases().iter().filter(|case| text(case, "/kind") == "execution") {
        let id = text(case, "/id");
        for (definition, machine_type) in definitions(case) {
            let found = validate(&definition, machine_type, &TestCatalog, &Limits::default());
            let errors: Vec<String> = found.errors().map(ToString::to_string).collect();
            match (errors.is_empty(), KNOWN_GAPS.iter().any(|(gap, _)| *gap == id)) {
                (true, false) => compiled += 1,
                (false, true) => later += 1,
                (true, true) => wrong.push(format!("{id}: compiles; take it off the list of gaps")),
                (false, false) => wrong.push(format!("{id}: {}", errors.join(", "))),
            }
        }
    }
    println!("{compiled} definitions compile, {later} have parts that aren't run yet");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn diagnostics_are_those_of_aws() {
    let mut checked = 0;
    for case in cases().iter().filter(|case| text(case, "/kind") == "validation") {
        let expected =
            case.pointer("/checks/0/expected/diagnostics").and_then(Value::as_array).expect("diagnostics");
        let definition = text(case, "/steps/0/params/definition");
        let machine_type = MachineType::parse(text(case, "/steps/0/params/type")).expect("a type");
        let found = validate(definition, machine_type, &TestCatalog, &Limits::default());
        let shown = |code: &str, message: &str, location: &str| format!("{code}: {message} at {location}");
        let ours: Vec<String> = found
            .as_slice()
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|d| shown(d.code.as_str(), &d.message, d.location.as_deref().unwrap_or_default()))
            .collect();
        let theirs: Vec<String> = expected
            .iter()
            .map(|d| shown(text(d, "/code"), text(d, "/message"), text(d, "/location")))
            .collect();
        assert_eq!(ours, theirs, "{}", text(case, "/id"));
        checked += 1;
    }
    println!("{checked} definitions are diagnosed as AWS does");
}
