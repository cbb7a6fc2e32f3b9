//! Checks a request against its shape, in AWS's words.
//!
//! A value of the wrong JSON type can't be read at all: `SerializationException`, and nothing else is looked at. What can
//! be read but breaks a constraint is collected, and told in one `ValidationException`.

use std::fmt::Write as _;

use newel_asl::Limits;
use newel_value::{Object, Value};

use super::{Max, Member, Shape, Text};
use crate::refusal::Refusal;

/// Characters of a client's value that a message repeats.
const QUOTED: usize = 1_024;
/// Broken constraints that a message tells.
const TOLD: usize = 20;

/// Checks the members of a request.
pub(crate) fn check(request: &Object, members: &[Member], limits: &Limits) -> Result<(), Refusal> {
    let mut checker = Checker { limits, path: String::new(), broken: Vec::new() };
    checker.structure(request, members)?;
    checker.finish()
}

struct Checker<'a> {
    limits: &'a Limits,
    path: String,
    broken: Vec<String>,
}

impl Checker<'_> {
    fn structure(&mut self, object: &Object, members: &[Member]) -> Result<(), Refusal> {
        for member in members {
            match object.get(member.name) {
                None | Some(Value::Null) => {
                    if member.required {
                        self.within(member.name, |c| c.breaks("Value null", "Member must not be null"));
                    }
                }
                Some(value) => self.within(member.name, |c| c.value(value, member.shape))?,
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, shape: &Shape) -> Result<(), Refusal> {
        match (shape, value) {
            (Shape::Text(text), Value::String(s)) => self.text(s, text),
            (Shape::Integer { min, max }, Value::Number(n)) if n.is_integer_literal() => {
                let out_of_range = match n.as_i64() {
                    Some(i) if i < *min => Some(("greater", min)),
                    Some(i) if i <= *max => None,
                    _ => Some(("less", max)),
                };
                if let Some((than, bound)) = out_of_range {
                    let rule = format!("Member must have value {than} than or equal to {bound}");
                    self.breaks(&quoted(&n.to_string()), &rule);
                }
            }
            (Shape::Float { min, max }, Value::Number(n)) => {
                let number = n.as_f64();
                let out_of_range = if number < *min {
                    Some(("greater", min))
                } else {
                    (number > *max).then_some(("less", max))
                };
                if let Some((than, bound)) = out_of_range {
                    let rule = format!("Member must have value {than} than or equal to {bound}");
                    self.breaks(&quoted(&n.to_string()), &rule);
                }
            }
            (Shape::Boolean, Value::Bool(_)) => {}
            (Shape::List(member), Value::Array(items)) => self.items(items, member)?,
            (Shape::Bounded { member: (name, member), min, max }, Value::Array(items)) => {
                let rule = if items.len() < *min {
                    Some(format!("Member must have length greater than or equal to {min}"))
                } else {
                    (items.len() > *max)
                        .then(|| format!("Member must have length less than or equal to {max}"))
                };
                match rule {
                    Some(rule) => self.breaks(&quoted(&shown_list(name, items)), &rule),
                    None => self.items(items, member)?,
                }
            }
            (Shape::Structure(members), Value::Object(object)) => self.structure(object, members)?,
            (shape, value) => return Err(unreadable(shape, value)),
        }
        Ok(())
    }

    fn items(&mut self, items: &[Value], member: &Shape) -> Result<(), Refusal> {
        for (i, item) in items.iter().enumerate() {
            let segment = format!("{}.member", i + 1);
            match item {
                Value::Null => self.within(&segment, |c| c.breaks("Value null", "Member must not be null")),
                item => self.within(&segment, |c| c.value(item, member))?,
            }
        }
        Ok(())
    }

    fn text(&mut self, s: &str, text: &Text) {
        let shown = if text.sensitive { "Value".to_owned() } else { quoted(s) };
        if !text.values.is_empty() {
            if !text.values.contains(&s) {
                let rule = format!("Member must satisfy enum value set: [{}]", text.values.join(", "));
                self.breaks(&shown, &rule);
            }
            return;
        }
        let (length, max) = match text.max {
            Max::Characters(max) => (characters(s), max),
            Max::Definition => (s.len(), self.limits.definition_bytes),
            Max::Payload => (s.len(), self.limits.payload_bytes),
            Max::Unchecked => (s.len(), usize::MAX),
        };
        if length > max {
            self.breaks(&shown, &format!("Member must have length less than or equal to {max}"));
        }
        if length < text.min {
            self.breaks(&shown, &format!("Member must have length greater than or equal to {}", text.min));
        }
        if let Some(pattern) = text.pattern.filter(|pattern| !(pattern.fits)(s)) {
            self.breaks(&shown, &format!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
    }

    fn within<T>(&mut self, segment: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(segment);
        let result = check(self);
        self.path.truncate(length);
        result
    }

    fn breaks(&mut self, value: &str, rule: &str) {
        if self.broken.len() < TOLD {
            self.broken.push(format!("{value} at '{}' failed to satisfy constraint: {rule}", self.path));
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        if self.broken.is_empty() {
            return Ok(());
        }
        let (n, s) = (self.broken.len(), if self.broken.len() == 1 { "" } else { "s" });
        let mut message = format!("{n} validation error{s} detected: ");
        // Writing to a string can't fail.
        let _ = write!(message, "{}", self.broken.join("; "));
        Err(Refusal::validation(message))
    }
}

/// How many UTF-16 units there are, which is what AWS's lengths count.
fn characters(s: &str) -> usize {
    if s.is_ascii() { s.len() } else { s.encode_utf16().count() }
}

/// A list of structures as AWS's messages repeat it: `[Name(member=value, …), …]`.
fn shown_list(name: &str, items: &[Value]) -> String {
    let member = |(name, value): (&newel_value::Str, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={}", other.to_json()),
    };
    let shown = |item: &Value| match item {
        Value::Object(object) => {
            let members: Vec<_> = object.iter().map(member).collect();
            format!("{name}({})", members.join(", "))
        }
        other => other.to_json(),
    };
    // One more than are shown of a value that is too long anyway.
    let items: Vec<_> = items.iter().take(QUOTED).map(shown).collect();
    format!("[{}]", items.join(", "))
}

fn quoted(value: &str) -> String {
    let shown = value.char_indices().nth(QUOTED).map_or(value, |(end, _)| &value[..end]);
    format!("Value '{shown}'")
}

/// What AWS's deserialiser says of a value of the wrong type.
fn unreadable(shape: &Shape, value: &Value) -> Refusal {
    let wanted = match shape {
        Shape::Text(_) => "a String",
        Shape::Integer { .. } => "an Integer",
        Shape::Float { .. } => "a Float",
        Shape::Boolean => "a Boolean",
        Shape::List(_) | Shape::Bounded { .. } => "a List",
        Shape::Structure(_) => "a Structure",
    };
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(n) if n.is_integer_literal() => "NUMBER_VALUE",
        Value::Number(_) => "DECIMAL_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => return Refusal::serialization("Start of list found where not expected"),
        Value::Object(_) => {
            return Refusal::serialization("Start of structure or map found where not expected.");
        }
    };
    Refusal::serialization(format!("{found} can not be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Operation;

    fn refusal(operation: Operation, request: &str) -> Option<(&'static str, String)> {
        let value = Value::parse(request).unwrap();
        check(value.as_object().unwrap(), operation.members(), &Limits::default())
            .err()
            .map(|refusal| (refusal.name, refusal.message))
    }

    #[track_caller]
    fn valid(operation: Operation, request: &str) {
        assert_eq!(refusal(operation, request), None, "{request}");
    }

    #[track_caller]
    fn invalid(operation: Operation, request: &str, message: &str) {
        assert_eq!(
            refusal(operation, request),
            Some(("ValidationException", message.to_owned())),
            "{request}"
        );
    }

    #[test]
    fn one_broken_constraint_reads_as_aws_has_it() {
        invalid(
            Operation::ListStateMachines,
            r#"{"maxResults":1001}"#,
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: \
             Member must have value less than or equal to 1000",
        );
        invalid(
            Operation::ListExecutions,
            r#"{"statusFilter":"succeeded"}"#,
            "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: \
             Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        );
        invalid(
            Operation::StartExecution,
            r#"{"stateMachineArn":"a","traceHeader":"é"}"#,
            "1 validation error detected: Value 'é' at 'traceHeader' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: \\p{ASCII}*",
        );
        invalid(
            Operation::RedriveExecution,
            r#"{"executionArn":"a","clientToken":"a b"}"#,
            "1 validation error detected: Value 'a b' at 'clientToken' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [!-~]+",
        );
        invalid(
            Operation::TagResource,
            r#"{"resourceArn":"a","tags":[{"key":"k"},{"key":""}]}"#,
            "1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        );
    }

    #[test]
    fn aliases_have_names_and_one_or_two_routes() {
        let alias =
            |name: &str, routes: &str| format!(r#"{{"name":"{name}","routingConfiguration":[{routes}]}}"#);
        let route = r#"{"stateMachineVersionArn":"a:1","weight":50}"#;
        valid(Operation::CreateStateMachineAlias, &alias("v1", &format!("{route},{route}")));
        invalid(
            Operation::CreateStateMachineAlias,
            &alias("12", route),
            "1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
        );
        let item = "RoutingConfigurationListItem(stateMachineVersionArn=a:1, weight=50)";
        invalid(
            Operation::CreateStateMachineAlias,
            &alias("a", &format!("{route},{route},{route}")),
            &format!(
                "1 validation error detected: Value '[{item}, {item}, {item}]' at 'routingConfiguration' failed to satisfy \
                 constraint: Member must have length less than or equal to 2"
            ),
        );
        invalid(
            Operation::CreateStateMachineAlias,
            &alias("a", ""),
            "1 validation error detected: Value '[]' at 'routingConfiguration' failed to satisfy constraint: Member must \
             have length greater than or equal to 1",
        );
        invalid(
            Operation::CreateStateMachineAlias,
            &alias("a", r#"{"stateMachineVersionArn":"a:1","weight":101}"#),
            "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy \
             constraint: Member must have value less than or equal to 100",
        );
    }

    #[test]
    fn several_are_told_together() {
        invalid(
            Operation::ListStateMachines,
            r#"{"maxResults":-1,"nextToken":""}"#,
            "2 validation errors detected: Value '-1' at 'maxResults' failed to satisfy constraint: \
             Member must have value greater than or equal to 0; Value '' at 'nextToken' failed to satisfy \
             constraint: Member must have length greater than or equal to 1",
        );
    }

    #[test]
    fn a_missing_member_is_null_and_a_sensitive_one_stays_secret() {
        invalid(
            Operation::SendTaskHeartbeat,
            r#"{"taskToken":null}"#,
            "1 validation error detected: Value null at 'taskToken' failed to satisfy constraint: \
             Member must not be null",
        );
        let request = format!(r#"{{"executionArn":"a","error":"{}"}}"#, "secret".repeat(50));
        invalid(
            Operation::StopExecution,
            &request,
            "1 validation error detected: Value at 'error' failed to satisfy constraint: \
             Member must have length less than or equal to 256",
        );
        let request = format!(r#"{{"definition":"{{}}","variables":"{}"}}"#, "x".repeat(262_145));
        invalid(
            Operation::TestState,
            &request,
            "1 validation error detected: Value at 'variables' failed to satisfy constraint: \
             Member must have length less than or equal to 262144",
        );
    }

    #[test]
    fn lengths_count_as_aws_counts() {
        valid(
            Operation::StartExecution,
            &format!(r#"{{"stateMachineArn":"a","name":"{}"}}"#, "é".repeat(80)),
        );
        let astral = format!(r#"{{"stateMachineArn":"a","name":"{}"}}"#, "😀".repeat(41));
        assert!(refusal(Operation::StartExecution, &astral).is_some());
    }

    #[test]
    fn the_wrong_type_cannot_be_read() {
        for (request, message) in [
            (r#"{"executionArn":7}"#, "NUMBER_VALUE can not be converted to a String"),
            (r#"{"executionArn":true}"#, "TRUE_VALUE can not be converted to a String"),
            (r#"{"executionArn":["a"]}"#, "Start of list found where not expected"),
            (r#"{"executionArn":{}}"#, "Start of structure or map found where not expected."),
            (r#"{"executionArn":"a","maxResults":"7"}"#, "STRING_VALUE can not be converted to an Integer"),
            (r#"{"executionArn":"a","maxResults":1.5}"#, "DECIMAL_VALUE can not be converted to an Integer"),
            (
                r#"{"executionArn":"a","reverseOrder":"yes"}"#,
                "STRING_VALUE can not be converted to a Boolean",
            ),
        ] {
            let expect = Some(("SerializationException", message.to_owned()));
            assert_eq!(refusal(Operation::GetExecutionHistory, request), expect, "{request}");
        }
    }

    #[test]
    fn messages_are_bounded() {
        let keys: Vec<_> = (0..1_000).map(|_| "\"\"").collect();
        let request =
            format!(r#"{{"resourceArn":"{}","tagKeys":[{}]}}"#, "x".repeat(100_000), keys.join(","));
        let (_, message) = refusal(Operation::UntagResource, &request).unwrap();
        assert!(message.len() < 10_000 && message.starts_with("20 validation errors detected: "));
    }

    #[test]
    fn unknown_members_and_nulls_are_ignored() {
        valid(Operation::DeleteStateMachine, r#"{"stateMachineArn":"a","other":[1]}"#);
        valid(Operation::ListStateMachines, r#"{"maxResults":null,"nextToken":null}"#);
        valid(Operation::ListStateMachines, r#"{"maxResults":0}"#);
    }
}
