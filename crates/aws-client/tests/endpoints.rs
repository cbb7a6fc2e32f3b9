//! AWS's own cases of endpoint resolution: every service's, and the small rule sets that test one function each.
//!
//! `NEWEL_CONFORMANCE` names the folder of recorded cases, `NEWEL_CATALOG` the packed models; without them the tests say so
//! and pass.

use std::path::{Path, PathBuf};
use std::{env, fs};

use newel_aws_catalog::Catalog;
use newel_aws_client::endpoint::{
    AuthScheme, Endpoint, ParamKind, Params, Partitions, ResolveError, RuleSet,
};
use newel_value::{Str, Value};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Services whose rules changed between the release the cases are of and botocore 1.44.5, and how many of their cases
/// fail for it. A catalog of another release needs another count here.
const OUTDATED: &[(&str, usize)] =
    &[("acm", 2), ("dynamodb", 51), ("geo-maps", 8), ("kinesis", 2), ("organizations", 24)];

fn existing(variable: &str, default: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map_or_else(|| Path::new(ROOT).join(default), PathBuf::from);
    if !path.exists() {
        println!("skipped: {} is not there ({variable})", path.display());
        return None;
    }
    Some(path)
}

fn conformance() -> Option<PathBuf> {
    Some(existing("NEWEL_CONFORMANCE", "../shared/conformance")?.join("aws-protocols"))
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Value::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The parameters of a case, read by the types that the rule set declares.
fn params(case: &Value, rules: &RuleSet) -> Params {
    let mut params = Params::default();
    for (name, value) in case.get("params").and_then(Value::as_object).into_iter().flat_map(|o| o.iter()) {
        let declared = rules.parameters().iter().find(|p| p.name == *name);
        let kind = declared.map_or(ParamKind::Text, |p| p.kind);
        if let Some(param) = newel_aws_client::endpoint::Param::from_json(value, kind) {
            params.insert(Str::clone(name), param);
        }
    }
    params
}

fn auth_scheme(value: &Value) -> AuthScheme {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(Str::from);
    let regions = value.get("signingRegionSet").and_then(Value::as_array).unwrap_or_default();
    AuthScheme {
        name: text("name").unwrap(),
        signing_name: text("signingName"),
        signing_region: text("signingRegion"),
        signing_region_set: regions.iter().map(|r| r.as_str().unwrap().into()).collect(),
        disable_double_encoding: value.get("disableDoubleEncoding").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn expected(value: &Value) -> Endpoint {
    let headers = value.get("headers").and_then(Value::as_object).into_iter().flat_map(|o| o.iter());
    let texts = |v: &Value| v.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
    let schemes = value.pointer("/properties/authSchemes").and_then(Value::as_array).unwrap_or_default();
    Endpoint {
        url: value.get("url").and_then(Value::as_str).unwrap().to_owned(),
        headers: headers.map(|(name, values)| (Str::clone(name), texts(values))).collect(),
        auth_schemes: schemes.iter().map(auth_scheme).collect(),
    }
}

/// What is wrong with the answer to a case, if anything is.
fn difference(case: &Value, answer: Result<Endpoint, ResolveError>) -> Option<String> {
    let wanted = case.get("expect").unwrap();
    let same = match (&answer, wanted.get("error").and_then(Value::as_str)) {
        (Err(ResolveError::Refused(message)), Some(error)) => message == error,
        (Err(ResolveError::Missing(_)), Some(_)) => true,
        (Ok(endpoint), None) => *endpoint == expected(wanted.get("endpoint").unwrap()),
        _ => false,
    };
    (!same).then(|| {
        format!(
            "{}: wanted {}, got {answer:?}",
            case.get("documentation").unwrap_or(&Value::Null).to_json(),
            wanted.to_json()
        )
    })
}

fn run(
    cases: &Value,
    rules: &RuleSet,
    partitions: &Partitions,
    name: &str,
    failures: &mut Vec<String>,
) -> usize {
    let cases = cases.get("testCases").and_then(Value::as_array).unwrap();
    for case in cases {
        let failure = difference(case, rules.resolve(&params(case, rules), partitions));
        failures.extend(failure.map(|failure| format!("{name}: {failure}")));
    }
    cases.len()
}

fn report(what: &str, count: usize, failures: &[String]) {
    println!("{what}: {} of {count} cases", count - failures.len());
    assert!(count > 0, "no cases");
    assert!(failures.is_empty(), "{}", failures[..failures.len().min(10)].join("\n"));
}

#[test]
fn every_service_resolves_as_aws_says() {
    let (Some(folder_of), Some(catalog)) =
        (conformance(), existing("NEWEL_CATALOG", ".newel/aws-catalog.bin"))
    else {
        return;
    };
    let catalog = Catalog::open(catalog).unwrap();
    let partitions = Partitions::parse(&Value::parse(catalog.partitions().unwrap()).unwrap()).unwrap();
    let (mut count, mut failures, mut retired) = (0, Vec::new(), Vec::new());
    for service in folder(&folder_of.join("endpoint-rules")) {
        let (cases, name) = (json(&service.join("endpoint-tests-1.json")), name(&service));
        let rules = catalog.botocore(&name).unwrap().and_then(|s| catalog.endpoint_rules(s).unwrap());
        let Some(rules) = rules else {
            retired.push(name);
            continue;
        };
        let rules = RuleSet::parse(&Value::parse(rules).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut failed = Vec::new();
        count += run(&cases, &rules, &partitions, &name, &mut failed);
        if OUTDATED.contains(&(&name, failed.len())) {
            println!("skipped, of older rules: {} cases of {name}", failed.len());
            count -= failed.len();
        } else {
            failures.append(&mut failed);
        }
    }
    println!("skipped, not in the catalog: {} {retired:?}", retired.len());
    report("services", count, &failures);
}

#[test]
fn every_function_does_what_its_rules_ask() {
    let Some(folder_of) = conformance() else { return };
    let partitions = Partitions::parse(&json(&folder_of.join("partitions.json"))).unwrap();
    let (mut count, mut failures) = (0, Vec::new());
    for rules_file in folder(&folder_of.join("endpoint-fns/valid-rules")) {
        let name = name(&rules_file);
        let rules = RuleSet::parse(&json(&rules_file)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let cases = folder_of.join(format!("endpoint-fns/test-cases/{name}.json"));
        if cases.exists() {
            count += run(&json(&cases), &rules, &partitions, &name, &mut failures);
        }
    }
    report("functions", count, &failures);
}
