//! The tables at work, without the packed file.

mod calls;
pub(crate) mod models;
mod parameters;
mod results;

use newel_value::Value;

use crate::Integration;

const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

fn json(text: &str) -> Value {
    Value::parse(text).unwrap()
}

/// Runs a test on the integration of `arn:aws:states:::<resource>`.
fn with<T>(resource: &str, run: impl FnOnce(Integration<'_>) -> T) -> T {
    let integrations = models::integrations();
    run(integrations.find(&format!("arn:aws:states:::{resource}")).unwrap())
}
