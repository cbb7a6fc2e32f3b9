//! Evaluates the expressions that come in, one JSON object a line: `{"expression": …, "input": …, "bindings": {…}}`.
//! Answers each with a line: `{"value": …}`, `{}` for nothing, `{"function": true}`, or `{"code": …, "message": …}`.

use std::io::{BufRead, Write};

use newel_jsonata::{Bindings, Budget, EvalError, Expression, Outcome, World};
use newel_value::{Object, Value};

/// The same at every call, so that answers can be compared.
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

fn failed(code: &str, message: String) -> Object {
    [("code", Value::from(code)), ("message", Value::from(message))].into_iter().collect()
}

fn answer(line: &str) -> Object {
    let request = match Value::parse(line) {
        Ok(request) => request,
        Err(error) => return failed("not JSON", error.to_string()),
    };
    let source = request.get("expression").and_then(Value::as_str).unwrap_or_default();
    let expression = match Expression::parse(source) {
        Ok(expression) => expression,
        Err(error) => return failed(error.code(), error.message()),
    };
    let mut bindings = Bindings::new();
    for (name, value) in request.get("bindings").and_then(Value::as_object).into_iter().flat_map(Object::iter)
    {
        bindings.insert(name.clone(), value.clone());
    }
    match evaluate(&expression, request.get("input"), &bindings) {
        Ok(Outcome::Value(value)) => [("value", value)].into_iter().collect(),
        Ok(Outcome::Nothing) => Object::default(),
        Ok(Outcome::Function) => [("function", true)].into_iter().collect(),
        Err(error) => failed(error.code(), error.message()),
    }
}

fn evaluate(
    expression: &Expression,
    input: Option<&Value>,
    bindings: &Bindings,
) -> Result<Outcome, EvalError> {
    expression.evaluate(input, bindings, &mut Budget::default(), &mut Fixed)
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", Value::Object(answer(&line?)))?;
    }
    out.flush()
}
