//! AWS Lambda: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::TaskFailure;
use crate::descriptor::{Action, Family, Output, Parameters, call};

pub(crate) const FAMILY: Family = Family {
    service: super::LAMBDA,
    family: super::LAMBDA,
    api: "lambda",
    error_prefix: "Lambda",
    base_exception: "AWSLambdaException",
    display_name: "AWSLambda",
    actions: &[INVOKE],
};

const INVOKE: Action = call("invoke", "Invoke").callback().json(&["Payload"]).failing(function_failed);

/// A state whose resource is the function itself: its input is the payload, its result the function's.
pub(crate) const FUNCTION: Action = Action {
    parameters: Parameters::Payload,
    output: Output::Only("Payload"),
    ..call("function", "Invoke").json(&["Payload"]).failing(function_failed)
};

/// The error of a function is what it calls itself, and the cause the payload in which it says so. A payload that says
/// none, as of runtimes that ended without a word, is `Lambda.Unknown`.
fn function_failed(_: Pattern, answer: &Value) -> Option<TaskFailure> {
    answer.get("FunctionError").filter(|error| !error.is_null())?;
    let payload = answer.get("Payload").cloned().unwrap_or_default();
    let error = payload.get("errorType").and_then(Value::as_str).filter(|name| !name.is_empty());
    Some(TaskFailure { error: error.unwrap_or("Lambda.Unknown").to_owned(), cause: payload.to_json() })
}
