//! The official test suite of JSONata (see the folder that `NEWEL_CONFORMANCE` names).

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use newel_jsonata::{Bindings, Budget, EvalError, Expression, Outcome, World};
use newel_value::Value;

const NO_EVAL: &str = "Step Functions has no $eval";

/// Cases that AWS's dialect has no place for, or that this crate answers otherwise on purpose: group, file, and why. A listed case that passes fails the test, so the list only shrinks.
#[rustfmt::skip]
const NOT_OURS: &[(&str, &str, &str)] = &[
    ("function-eval", "case000.json", NO_EVAL),
    ("function-eval", "case001.json", NO_EVAL),
    ("function-eval", "case002.json", NO_EVAL),
    ("function-eval", "case003.json", NO_EVAL),
    ("function-eval", "case004.json", NO_EVAL),
    ("function-eval", "case005.json", NO_EVAL),
    ("function-eval", "case006.json", NO_EVAL),
    ("function-eval", "case007.json", NO_EVAL),
    ("function-eval", "case008.json#0", NO_EVAL),
    ("function-eval", "case008.json#1", NO_EVAL),
    ("function-eval", "case008.json#2", NO_EVAL),
    ("function-eval", "case008.json#3", NO_EVAL),
    ("range-operator", "case024.json", "ten million numbers exceed the default budget"),
];

struct Fixed;

impl World for Fixed {
    fn now_millis(&mut self) -> i64 {
        1_732_435_200_000
    }
    fn random(&mut self) -> f64 {
        0.25
    }
    fn uuid(&mut self) -> String {
        "2d931510-d99f-494a-8c67-87feb05e1594".to_owned()
    }
}

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("NEWEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let folder = root.join("jsonata");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("NEWEL_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "the JSONata conformance data is required: {}", folder.display());
    println!("skipped: no JSONata conformance data at {}", folder.display());
    None
}

fn read(path: &Path) -> Value {
    Value::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case.get(name).and_then(Value::as_str).unwrap_or_default()
}

struct Suite {
    cases: Vec<(String, Value)>,
    datasets: HashMap<String, Value>,
    /// Cases of later versions of the language.
    later: Vec<(String, String)>,
}

impl Suite {
    fn load(folder: &Path) -> Self {
        let mut cases = Vec::new();
        let mut groups: Vec<PathBuf> =
            std::fs::read_dir(folder.join("groups")).unwrap().map(|entry| entry.unwrap().path()).collect();
        groups.sort();
        for path in groups {
            let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
            for case in read(&path).as_array().unwrap() {
                cases.push((group.clone(), case.clone()));
            }
        }
        let mut datasets = HashMap::new();
        for entry in std::fs::read_dir(folder.join("datasets")).unwrap() {
            let path = entry.unwrap().path();
            datasets.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path));
        }
        let not_in = read(&folder.join("not-in-2.0.6.json"));
        let later = not_in.get("cases").and_then(Value::as_array).unwrap().iter();
        let pair = |at: usize, case: &Value| case.as_array().unwrap()[at].as_str().unwrap().to_owned();
        let later = later.map(|case| (pair(0, case), pair(1, case))).collect();
        Self { cases, datasets, later }
    }

    fn run(&self, case: &Value) -> Result<Outcome, String> {
        let input = match case.get("data") {
            Some(data) => Some(data.clone()),
            None => case.get("dataset").and_then(Value::as_str).map(|name| self.datasets[name].clone()),
        };
        let expression =
            Expression::parse(text(case, "expr")).map_err(|error| format!("{} {error}", error.code()))?;
        let mut bindings = Bindings::new();
        for (name, value) in
            case.get("bindings").and_then(Value::as_object).into_iter().flat_map(|o| o.iter())
        {
            bindings.insert(name.clone(), value.clone());
        }
        let mut budget = Budget::default();
        if let Some(depth) = case.get("depth").and_then(Value::as_i64) {
            budget.depth = u32::try_from(depth).unwrap().min(budget.depth);
        }
        let told = |error: EvalError| format!("{} {error}", error.code());
        expression.evaluate(input.as_ref(), &bindings, &mut budget, &mut Fixed).map_err(told)
    }
}

fn sorted(value: &Value) -> Vec<String> {
    let mut items: Vec<String> =
        value.as_array().map(|items| items.iter().map(Value::to_json).collect()).unwrap_or_default();
    items.sort();
    items
}

fn agrees(case: &Value, result: &Result<Outcome, String>) -> bool {
    let code = case.get("code").or_else(|| case.pointer("/error/code")).and_then(Value::as_str);
    match result {
        Err(error) => code.is_some_and(|code| error.starts_with(code)),
        Ok(_) if code.is_some() => false,
        Ok(Outcome::Nothing) => case.get("undefinedResult").is_some(),
        Ok(Outcome::Function) => false,
        Ok(Outcome::Value(value)) => case.get("result").is_some_and(|expected| {
            value == expected || case.get("unordered").is_some() && sorted(value) == sorted(expected)
        }),
    }
}

#[test]
fn conformance_with_the_official_suite() {
    let Some(folder) = folder() else { return };
    let suite = Suite::load(&folder);
    let mut failures = Vec::new();
    let (mut passed, mut left_out) = (0, 0);
    for (group, case) in &suite.cases {
        let file = text(case, "file");
        let is_later = suite.later.iter().any(|(g, name)| g == group && name == file);
        if is_later {
            left_out += 1;
            continue;
        }
        let listed = NOT_OURS.iter().find(|(g, name, _)| g == group && *name == file);
        let result = suite.run(case);
        match (agrees(case, &result), listed) {
            (true, None) => passed += 1,
            (false, Some(_)) => left_out += 1,
            (true, Some((_, _, why))) => {
                failures.push(format!("{group} {file} passes, but is listed: {why}"))
            }
            (false, None) => {
                let expected = ["result", "code", "error", "undefinedResult"]
                    .iter()
                    .find_map(|name| case.get(name).map(|value| format!("{name} {value}")));
                failures.push(format!(
                    "{group} {file}\n    {}\n    gave {result:?}\n    instead of {}",
                    text(case, "expr"),
                    expected.unwrap_or_default()
                ));
            }
        }
    }
    println!("{passed} of {} JSONata cases pass, {left_out} aren't AWS's dialect", suite.cases.len());
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
