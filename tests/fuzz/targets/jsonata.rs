//! JSONata: an expression and a document, apart by a line feed. Evaluation ends within its budget.
#![no_main]

use libfuzzer_sys::fuzz_target;
use newel_jsonata::{Bindings, Budget, Expression, World};
use newel_value::Value;

/// Time stands still, and chance is always the same.
struct Still;

impl World for Still {
    fn now_millis(&mut self) -> i64 {
        1_700_000_000_000
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn uuid(&mut self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }
}

fuzz_target!(|text: &str| {
    let (source, document) = text.split_once('\n').unwrap_or((text, r#"{"a":[1,{"b":"x"},[2,3]],"c":{"d":null}}"#));
    let Ok(document) = Value::parse(document) else { return };
    let Ok(expression) = Expression::parse(source) else { return };
    let mut budget = Budget { steps: 100_000, ..Budget::default() };
    let _outcome = expression.evaluate(Some(&document), &Bindings::new(), &mut budget, &mut Still);
});
