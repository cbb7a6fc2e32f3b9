//! Measures how long expressions take to evaluate: reads a JSON array of `{"name": …, "expression": …, "input": …}`, prints an
//! object of nanoseconds an evaluation by name. Parsing is left out; from value tree to value tree is what counts.

use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use newel_jsonata::{Bindings, Budget, Expression, World};
use newel_value::{ObjectBuilder, Value};

struct Fixed;

impl World for Fixed {
    fn now_millis(&mut self) -> i64 {
        0
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn uuid(&mut self) -> String {
        String::new()
    }
}

/// The best of several rounds, so that what else the machine does counts little.
fn nanoseconds(expression: &Expression, input: &Value) -> Result<f64, newel_jsonata::EvalError> {
    const ROUND: Duration = Duration::from_millis(60);
    let bindings = Bindings::new();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                let mut budget = Budget::default();
                black_box(expression.evaluate(black_box(Some(input)), &bindings, &mut budget, &mut Fixed)?);
            }
            count += 16;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let cases = Value::parse(&text)?;
    let mut results = ObjectBuilder::default();
    for case in cases.as_array().unwrap_or_default() {
        let member = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
        let expression = Expression::parse(member("expression"))?;
        let input = case.get("input").cloned().unwrap_or_default();
        let taken = nanoseconds(&expression, &input)?;
        results
            .insert(member("name"), Value::from(newel_value::Number::from_f64(taken).ok_or("not a number")?));
    }
    println!("{}", Value::Object(results.build()));
    Ok(())
}
