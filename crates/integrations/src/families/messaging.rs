//! Amazon SNS, Amazon SQS and Amazon EventBridge:
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html>, `connect-sqs.html`, `connect-eventbridge.html`.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::TaskFailure;
use crate::descriptor::{Action, Family, call};

const MESSAGING: &str = "messaging";

pub(super) const SNS: Family = Family {
    service: "sns",
    family: MESSAGING,
    api: "sns",
    error_prefix: "SNS",
    base_exception: "AmazonSNSException",
    display_name: "AmazonSNS",
    actions: &[call("publish", "Publish").callback()],
};

pub(super) const SQS: Family = Family {
    service: "sqs",
    family: MESSAGING,
    api: "sqs",
    error_prefix: "SQS",
    base_exception: "AmazonSQSException",
    display_name: "AmazonSQS",
    actions: &[call("sendMessage", "SendMessage").callback().unknown_host(no_queue)],
};

/// AWS's SDK sends a message to the host of the queue's URL. What has no path after the host is no queue's URL, but a name
/// that is taken for a host (recorded); here the call would go to SQS and find another's words for it.
fn no_queue(request: &Value) -> Option<String> {
    let url = request.get("QueueUrl").and_then(Value::as_str)?;
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    (!host.contains('/') && !host.is_empty()).then(|| host.to_owned())
}

pub(super) const EVENTS: Family = Family {
    service: "events",
    family: MESSAGING,
    api: "eventbridge",
    error_prefix: "EventBridge",
    base_exception: "AmazonEventBridgeException",
    display_name: "AmazonEventBridge",
    actions: &[PUT_EVENTS],
};

const PUT_EVENTS: Action =
    Action { stamp: add_resources, ..call("putEvents", "PutEvents").callback().failing(entries_failed) };

/// Adds the state machine and the execution to each event's resources; recorded parameters are without.
fn add_resources(execution_arn: &str, request: Value) -> Value {
    let Some(machine) = state_machine_of(execution_arn) else { return request };
    let Value::Object(object) = &request else { return request };
    let entries = object.get("Entries").and_then(Value::as_array).unwrap_or_default();
    let stamped = entries.iter().map(|entry| {
        let Value::Object(members) = entry else { return entry.clone() };
        let given = members.get("Resources").and_then(Value::as_array).unwrap_or_default();
        let added = [machine.as_str().into(), execution_arn.into()];
        let mut entry = members.to_builder();
        entry.insert("Resources", given.iter().cloned().chain(added).collect::<Value>());
        entry.build().into()
    });
    let stamped: Value = stamped.collect();
    let mut request = object.to_builder();
    request.insert("Entries", stamped);
    request.build().into()
}

/// The ARN of an execution's state machine. An execution of a distributed Map is called for its machine and the Map's
/// label.
fn state_machine_of(execution_arn: &str) -> Option<String> {
    let mut parts = execution_arn.splitn(8, ':');
    let mut next = || parts.next();
    let (scheme, partition, service) = (next()?, next()?, next()?);
    let (region, account, _kind, name) = (next()?, next()?, next()?, next()?);
    let name = name.split('/').next()?;
    Some(format!("{scheme}:{partition}:{service}:{region}:{account}:stateMachine:{name}"))
}

/// An answer that names a refused entry is a failure, whatever became of the others.
fn entries_failed(_: Pattern, answer: &Value) -> Option<TaskFailure> {
    let failed = answer.get("FailedEntryCount").and_then(Value::as_i64).is_some_and(|count| count > 0);
    failed.then(|| TaskFailure { error: "EventBridge.FailedEntry".to_owned(), cause: answer.to_json() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_told_from_executions() {
        let check = |execution: &str, machine: Option<&str>| {
            assert_eq!(state_machine_of(execution).as_deref(), machine, "{execution}");
        };
        let machine = Some("arn:aws:states:us-east-1:000000000000:stateMachine:m");
        check("arn:aws:states:us-east-1:000000000000:execution:m:e", machine);
        check("arn:aws:states:us-east-1:000000000000:express:m:e:id", machine);
        check("arn:aws:states:us-east-1:000000000000:execution:m/label:id", machine);
        check("nonsense", None);
    }
}
