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

const INVOKE: Action = call("invoke", "Invoke").callback().json(&["Payload"]).failing(invocation_failed);

/// A state whose resource is the function itself: its input is the payload, its result the function's.
pub(crate) const FUNCTION: Action = Action {
    parameters: Parameters::Payload,
    output: Output::Only("Payload"),
    ..call("function", "Invoke").json(&["Payload"]).failing(|_, answer| function_error(answer))
};

/// The failure of an invocation is the function's, with a cause that was read and written again (recorded).
fn invocation_failed(_: Pattern, answer: &Value) -> Option<TaskFailure> {
    let TaskFailure { error, cause } = function_error(answer)?;
    let cause = Value::parse(&cause).map_or(cause, |payload| payload.to_json());
    Some(TaskFailure { error, cause })
}

/// The error of a function is what it calls itself, and the cause the payload in which it says so, as it came (recorded: with
/// the runtime's blanks). A payload that says none, as of runtimes that ended without a word, is `Lambda.Unknown`.
fn function_error(answer: &Value) -> Option<TaskFailure> {
    answer.get("FunctionError").filter(|error| !error.is_null())?;
    let cause = answer.get("Payload").and_then(Value::as_str).unwrap_or_default();
    let payload = Value::parse(cause).unwrap_or_default();
    let error = payload.get("errorType").and_then(Value::as_str).filter(|name| !name.is_empty());
    Some(TaskFailure { error: error.unwrap_or("Lambda.Unknown").to_owned(), cause: cause.to_owned() })
}
