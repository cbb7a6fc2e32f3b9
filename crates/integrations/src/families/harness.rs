//! Amazon Bedrock AgentCore: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-bedrockagentcore.html>.

use std::collections::BTreeMap;

use newel_asl::catalog::Pattern;
use newel_value::{Object, Value};

use crate::TaskFailure;
use crate::descriptor::{Action, Family, Field, Output, optional, own, required};
use crate::failure::class;

const PREFIX: &str = "BedrockAgentCore";

pub(super) const FAMILY: Family = Family {
    service: "bedrockagentcore",
    family: "bedrock",
    api: "bedrockagentcore",
    error_prefix: PREFIX,
    base_exception: "BedrockAgentCoreException",
    display_name: "BedrockAgentCore",
    actions: &[Action {
        output: Output::Made(conversation),
        ..own("invokeHarness", "InvokeHarness", FIELDS).failing(broken_off).refusing(short_session)
    }],
};

/// The API's members that AWS takes here.
const FIELDS: &[Field] = &[
    required("HarnessArn", "/HarnessArn"),
    required("RuntimeSessionId", "/RuntimeSessionId"),
    required("Messages", "/Messages"),
    optional("SystemPrompt", "/SystemPrompt"),
    optional("Model", "/Model"),
    optional("Tools", "/Tools"),
    optional("Skills", "/Skills"),
    optional("AllowedTools", "/AllowedTools"),
    optional("MaxIterations", "/MaxIterations"),
    optional("MaxTokens", "/MaxTokens"),
    optional("TimeoutSeconds", "/TimeoutSeconds"),
    optional("ActorId", "/ActorId"),
    optional("Qualifier", "/Qualifier"),
];

/// The least length of a session's id.
const SESSION: usize = 33;

/// The service refuses ids that could be guessed. In a template an id may still come from an expression.
fn short_session(_: Pattern, parameters: &Value) -> Option<String> {
    let id = parameters.get("RuntimeSessionId")?.as_str().filter(|id| !id.trim_start().starts_with("{%"))?;
    (id.chars().count() < SESSION)
        .then(|| format!("The value of the field 'RuntimeSessionId' has fewer than {SESSION} characters"))
}

/// The events of an answer, by name.
fn events(answer: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let events = answer.get("Stream").and_then(Value::as_array).unwrap_or_default();
    let members = events.iter().filter_map(Value::as_object).flat_map(Object::iter);
    members.map(|(name, event)| (&**name, event))
}

/// The failure that the service tells of in the stream.
fn broken_off(_: Pattern, answer: &Value) -> Option<TaskFailure> {
    let is_failure = |name: &str| name.ends_with("Exception") || name.ends_with("Error");
    let (name, event) = events(answer).find(|(name, _)| is_failure(name))?;
    let message = event.get("message").and_then(Value::as_str).map_or_else(|| event.to_json(), str::to_owned);
    Some(TaskFailure { error: format!("{PREFIX}.{}", class(name)), cause: message })
}

/// Figures that are summed over the messages: the event's member, its member, and the name here.
const SUMS: &[(&str, &str, &str, &str)] = &[
    ("usage", "inputTokens", "Usage", "InputTokens"),
    ("usage", "outputTokens", "Usage", "OutputTokens"),
    ("usage", "totalTokens", "Usage", "TotalTokens"),
    ("usage", "cacheReadInputTokens", "Usage", "CacheReadInputTokens"),
    ("usage", "cacheWriteInputTokens", "Usage", "CacheWriteInputTokens"),
    ("metrics", "latencyMs", "Metrics", "LatencyMs"),
];

/// What AWS gives of the events: the last message of the assistant in the form of Converse, with its text and no more, and
/// the tokens of all messages. That the time is summed as well is our reading.
fn conversation(answer: &Value) -> Value {
    let mut sums: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    let mut texts: BTreeMap<i64, String> = BTreeMap::new();
    let mut stop = None;
    let mut by_assistant = false;
    for (name, event) in events(answer) {
        match name {
            "messageStart" => {
                by_assistant = event.get("role").and_then(Value::as_str) == Some("assistant");
                if by_assistant {
                    texts.clear();
                }
            }
            "contentBlockDelta" if by_assistant => {
                let block = event.get("contentBlockIndex").and_then(Value::as_i64).unwrap_or_default();
                if let Some(text) = event.pointer("/delta/text").and_then(Value::as_str) {
                    texts.entry(block).or_default().push_str(text);
                }
            }
            "messageStop" if by_assistant => stop = event.get("stopReason").cloned(),
            "metadata" => {
                for (part, figure, group, shown) in SUMS {
                    let figure = event.get(part).and_then(|part| part.get(figure)).and_then(Value::as_i64);
                    if let Some(figure) = figure {
                        let sum = sums.entry(group).or_default().entry(shown).or_default();
                        *sum = sum.saturating_add(figure);
                    }
                }
            }
            _ => {}
        }
    }
    let content: Value = texts.into_values().map(|text| object([("Text", text.into())])).collect();
    let message = object([("Content", content), ("Role", "assistant".into())]);
    let mut members = vec![("Output", object([("Message", message)]))];
    members.extend(stop.map(|stop| ("StopReason", stop)));
    members.extend(
        sums.into_iter().map(|(group, sums)| (group, object(sums.into_iter().map(|(n, v)| (n, v.into()))))),
    );
    object(members)
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    members.into_iter().collect::<Object>().into()
}
