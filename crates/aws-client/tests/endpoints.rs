//! AWS's own cases of endpoint resolution: every service's, and the small rule sets that test one function each.
//!
//! `NEWEL_CONFORMANCE` names the folder of recorded cases, `NEWEL_CATALOG` the packed models; without them the tests say so
//! and pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use newel_aws_catalog::{Catalog, Service};
use newel_aws_client::endpoint::{
    self, AuthScheme, Endpoint, Param, ParamKind, Parameter, Params, Partitions, ResolveError, Resolver,
    RuleSet, Settings,
};
use newel_value::{Str, Value};

use common::to_wire;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

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
        if let Some(param) = Param::from_json(value, kind) {
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
fn difference(case: &Value, wanted: &Value, answer: Result<Endpoint, ResolveError>) -> Option<String> {
    let same = match (&answer, wanted.get("error").and_then(Value::as_str)) {
        (Err(ResolveError::Refused(message)), Some(error)) => message == error,
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

/// The cases whose rules have changed since, with what botocore 1.44.5 answers by the catalog's rules; `outdated.py`
/// writes them.
struct Outdated(Value);

impl Outdated {
    fn read() -> Self {
        Self(json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outdated.json")))
    }

    /// What is wanted of a case: what it expects, or what botocore answers if it is outdated.
    fn wanted<'a>(&'a self, service: &str, index: usize, case: &'a Value) -> &'a Value {
        let is_it = |known: &&Value| {
            known.get("service").and_then(Value::as_str) == Some(service)
                && known.get("index").and_then(Value::as_i64) == i64::try_from(index).ok()
        };
        let Some(known) = self.0.as_array().unwrap().iter().find(is_it) else {
            return case.get("expect").unwrap();
        };
        assert_eq!(known.get("documentation"), case.get("documentation"), "outdated.json is of other cases");
        known.get("botocore").unwrap()
    }
}

fn cases(file: &Value) -> &[Value] {
    file.get("testCases").and_then(Value::as_array).unwrap()
}

fn report(what: &str, count: usize, failures: &[String]) {
    println!("{what}: {} of {count} cases", count - failures.len());
    assert!(count > 0, "no cases");
    assert!(failures.is_empty(), "{}", failures[..failures.len().min(20)].join("\n"));
}

/// The services of the catalog that there are cases of: name, cases, rules.
fn services<'c>(catalog: &'c Catalog, folder_of: &Path) -> Vec<(&'c Service, Value)> {
    let mut retired = Vec::new();
    let mut services = Vec::new();
    for service in folder(&folder_of.join("endpoint-rules")) {
        match catalog.botocore(&name(&service)).unwrap() {
            Some(known) => services.push((known, json(&service.join("endpoint-tests-1.json")))),
            None => retired.push(name(&service)),
        }
    }
    println!("skipped, not in the catalog: {} {retired:?}", retired.len());
    services
}

fn rules(catalog: &Catalog, service: &Service) -> RuleSet {
    let text = catalog.endpoint_rules(service).unwrap().unwrap();
    RuleSet::parse(&Value::parse(text).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", service.botocore_name()))
}

fn partitions(catalog: &Catalog) -> Partitions {
    Partitions::parse(&Value::parse(catalog.partitions().unwrap()).unwrap()).unwrap()
}

#[test]
fn every_service_resolves_as_aws_says() {
    let (Some(folder_of), Some(catalog)) =
        (conformance(), existing("NEWEL_CATALOG", ".newel/aws-catalog.bin"))
    else {
        return;
    };
    let catalog = Catalog::open(catalog).unwrap();
    let (partitions, outdated) = (partitions(&catalog), Outdated::read());
    let (mut count, mut failures) = (0, Vec::new());
    for (service, file) in services(&catalog, &folder_of) {
        let (name, rules) = (service.botocore_name(), rules(&catalog, service));
        for (index, case) in cases(&file).iter().enumerate() {
            let answer = rules.resolve(&params(case, &rules), &partitions);
            let failure = difference(case, outdated.wanted(name, index, case), answer);
            failures.extend(failure.map(|failure| format!("{name} {index}: {failure}")));
            count += 1;
        }
    }
    report("services", count, &failures);
}

/// The settings that stand for a call's built-in parameters.
fn settings(built_in: &Value) -> Settings {
    let text = |name: &str| built_in.get(name).and_then(Value::as_str).map(Str::from);
    let flag = |name: &str| built_in.get(name).and_then(Value::as_bool).unwrap_or(false);
    Settings {
        region: text("AWS::Region").unwrap_or_default(),
        endpoint: text("SDK::Endpoint"),
        fips: flag("AWS::UseFIPS"),
        dual_stack: flag("AWS::UseDualStack"),
        account_id: text("AWS::Auth::AccountId"),
        force_path_style: flag("AWS::S3::ForcePathStyle"),
    }
}

/// Built-in parameters that the settings decide otherwise than a case does: the rules run with the case's.
fn others<'a>(rules: &'a RuleSet, built_in: &'a Value) -> Vec<(&'a Str, &'a Value)> {
    const FALSE: &Value = &Value::Bool(false);
    let settled =
        ["AWS::Region", "SDK::Endpoint", "AWS::UseFIPS", "AWS::UseDualStack", "AWS::Auth::AccountId"];
    let other = |parameter: &'a Parameter| {
        let name = parameter.built_in.as_deref().filter(|name| !settled.contains(name))?;
        let value = match (name, built_in.get(name)) {
            // Settings with an endpoint force it.
            ("AWS::S3::ForcePathStyle", value) => {
                value.or(Some(FALSE)).filter(|_| built_in.get("SDK::Endpoint").is_some())
            }
            ("AWS::Auth::AccountIdEndpointMode", value) => {
                value.filter(|mode| mode.as_str() != Some("disabled"))
            }
            (_, value) => value,
        };
        Some((&parameter.name, value?))
    };
    rules.parameters().iter().filter_map(other).collect()
}

#[test]
fn every_operation_binds_the_parameters_it_should() {
    let (Some(folder_of), Some(catalog)) =
        (conformance(), existing("NEWEL_CATALOG", ".newel/aws-catalog.bin"))
    else {
        return;
    };
    let catalog = Arc::new(Catalog::open(catalog).unwrap());
    let (resolver, partitions, outdated) =
        (Resolver::new(Arc::clone(&catalog)), partitions(&catalog), Outdated::read());
    let (mut whole, mut bound, mut failures) = (0, 0, Vec::new());
    for (service, file) in services(&catalog, &folder_of) {
        let (name, rules) = (service.botocore_name(), rules(&catalog, service));
        for (index, case) in cases(&file).iter().enumerate() {
            for input in case.get("operationInputs").and_then(Value::as_array).unwrap_or_default() {
                let operation =
                    service.operation(input.get("operationName").and_then(Value::as_str).unwrap());
                let Some(operation) = operation else {
                    failures.push(format!("{name} {index}: no operation {input}"));
                    continue;
                };
                let given = input.get("operationParams").cloned().unwrap_or_else(Value::empty_object);
                let body =
                    operation.input.map_or_else(Value::empty_object, |id| to_wire(service, id, &given));
                let built_in = input.get("builtInParams").cloned().unwrap_or_else(Value::empty_object);
                let settings = settings(&built_in);
                let others = others(&rules, &built_in);
                let answer = if others.is_empty() {
                    whole += 1;
                    resolver.resolve(service, operation, &body, &settings).map(|endpoint| (*endpoint).clone())
                } else {
                    bound += 1;
                    let mut params = endpoint::params(&rules, service, operation, &body, &settings);
                    for (name, value) in others {
                        let declared = rules.parameters().iter().find(|p| p.name == *name).unwrap();
                        params.insert(Str::clone(name), Param::from_json(value, declared.kind).unwrap());
                    }
                    rules.resolve(&params, &partitions)
                };
                let failure = difference(case, outdated.wanted(name, index, case), answer);
                failures
                    .extend(failure.map(|failure| format!("{name} {index} {}: {failure}", operation.name)));
            }
        }
    }
    println!(
        "operations: {whole} by settings alone, {bound} with built-in parameters that settings don't have"
    );
    report("operations", whole + bound, &failures);
}

#[test]
fn every_function_does_what_its_rules_ask() {
    let Some(folder_of) = conformance() else { return };
    let partitions = Partitions::parse(&json(&folder_of.join("partitions.json"))).unwrap();
    let (mut count, mut failures) = (0, Vec::new());
    for rules_file in folder(&folder_of.join("endpoint-fns/valid-rules")) {
        let name = name(&rules_file);
        let rules = RuleSet::parse(&json(&rules_file)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let file = folder_of.join(format!("endpoint-fns/test-cases/{name}.json"));
        if !file.exists() {
            continue;
        }
        for case in cases(&json(&file)) {
            let answer = rules.resolve(&params(case, &rules), &partitions);
            let failure = difference(case, case.get("expect").unwrap(), answer);
            failures.extend(failure.map(|failure| format!("{name}: {failure}")));
            count += 1;
        }
    }
    report("functions", count, &failures);
}
