//! The cases that were run on Jayway itself (see the folder that `NEWEL_CONFORMANCE` names).

use std::path::PathBuf;

use newel_value::Value;

use crate::{Budget, JsonPath, NotFound, QueryError};

fn cases() -> Option<Value> {
    let folder = std::env::var_os("NEWEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let file = folder.join("jsonpath/jayway_cases.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(Value::parse(&text).unwrap()),
        Err(error) => {
            let required = std::env::var_os("NEWEL_REQUIRE_DATA").is_some_and(|value| value == "1");
            assert!(!required, "the JSONPath conformance data is required: {}: {error}", file.display());
            println!("skipped: no JSONPath conformance data at {}", file.display());
            None
        }
    }
}

fn text<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Jayway takes a path without a root for one from `$`; ours must say it, as AWS requires.
fn parse(source: &str) -> Result<JsonPath, String> {
    let parsed = JsonPath::parse(source);
    if !source.is_empty() && !source.starts_with(['$', '@']) {
        assert!(parsed.is_err(), "{source:?} doesn't begin with '$'");
        return JsonPath::parse(&format!("$.{source}")).map_err(|error| error.to_string());
    }
    parsed.map_err(|error| error.to_string())
}

fn check(case: &Value, document: &Value) -> Result<(), String> {
    let path = parse(text(case, "/path"));
    if case.pointer("/expected/invalid_path").is_some() {
        return path.map_or(Ok(()), |path| Err(format!("is no path, but parsed as {}", path.canonical())));
    }
    let path = path?;
    let same = |what: &str, ours: &str, theirs: &str| {
        if ours == theirs { Ok(()) } else { Err(format!("{what}: {ours} instead of {theirs}")) }
    };
    same("canonical form", &path.canonical(), text(case, "/canonical"))?;
    let definite = case.get("definite").and_then(Value::as_bool);
    same("definite", &format!("{:?}", Some(path.is_definite())), &format!("{definite:?}"))?;

    let jayway = path.query_jayway(document, &mut Budget::default());
    match (&jayway, case.pointer("/expected/value")) {
        (Ok(ours), Some(theirs)) if ours == theirs => {}
        (Ok(ours), theirs) => return Err(format!("{ours} instead of {theirs:?}")),
        (Err(error), Some(theirs)) => return Err(format!("error '{error}' instead of {theirs}")),
        (Err(error), None) => same("error", &error.to_string(), text(case, "/expected/jayway_message"))?,
    }

    let departs =
        matches!(jayway, Err(QueryError::NoResults(NotFound::MissingProperty(_)))) && !path.is_definite();
    let aws = path.query(document);
    if departs || case.pointer("/expected_aws/value").is_some() {
        let theirs = case.pointer("/expected_aws/value").cloned().unwrap_or_else(|| Vec::new().into());
        return if aws.as_ref() == Ok(&theirs) {
            Ok(())
        } else {
            Err(format!("AWS: {aws:?} instead of {theirs}"))
        };
    }
    if aws == jayway { Ok(()) } else { Err(format!("AWS: {aws:?} instead of Jayway's {jayway:?}")) }
}

#[test]
fn jayways_answers() {
    let Some(data) = cases() else { return };
    let cases = data.get("cases").and_then(Value::as_array).unwrap();
    assert!(!cases.is_empty(), "the data has cases");
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let document = data.get("documents").and_then(|docs| docs.get(text(case, "/document"))).unwrap();
            let failure = check(case, document).err()?;
            Some(format!("{} {}: {failure}", text(case, "/id"), text(case, "/path")))
        })
        .collect();
    println!("{} of {} JSONPath cases pass", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
