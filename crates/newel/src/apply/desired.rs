//! What is to be there, whatever file says so.

use newel_value::Value;

/// A resource that is to be there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desired {
    /// What the file calls it: a logical id, or a table's name. Told with everything that is said of it.
    pub(crate) label: String,
    pub(crate) resource: Resource,
}

/// The kinds of resources there are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resource {
    Machine(Machine),
    Version(Version),
    Alias(Alias),
    Activity(Activity),
}

/// A state machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// The definition's text as it goes to the server.
    pub(crate) definition: String,
    pub(crate) role_arn: String,
    /// `STANDARD` or `EXPRESS`.
    pub(crate) kind: String,
    pub(crate) logging: Logging,
    pub(crate) tracing: bool,
    pub(crate) encryption: Encryption,
    /// By key.
    pub(crate) tags: Vec<(String, String)>,
}

/// What a state machine logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logging {
    /// `OFF`, `ALL`, `ERROR` or `FATAL`.
    pub(crate) level: String,
    pub(crate) include_execution_data: bool,
    pub(crate) log_groups: Vec<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: "OFF".to_owned(), include_execution_data: false, log_groups: Vec::new() }
    }
}

/// Which key encrypts it: the service's own, or a customer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) key: Option<String>,
    /// Seconds; the default if the file says nothing.
    pub(crate) reuse_seconds: Option<i32>,
}

/// The current revision of a state machine, published as a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The state machine's name.
    pub(crate) machine: String,
    pub(crate) description: Option<String>,
}

/// An alias of a state machine's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    /// The state machine's name.
    pub(crate) machine: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Each version with its share of the starts, in percent.
    pub(crate) routing: Vec<(Target, i32)>,
}

/// A version that an alias leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The newest version that there is once everything else is done.
    Newest,
    /// A version's number.
    Number(u64),
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) name: String,
    /// By key.
    pub(crate) tags: Vec<(String, String)>,
}

impl Resource {
    /// The order in which things are made: each after what it names.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Activity(_) => 0,
            Self::Machine(_) => 1,
            Self::Version(_) => 2,
            Self::Alias(_) => 3,
        }
    }

    /// What it is and what it is called, as it is shown.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Machine(machine) => format!("state machine {}", machine.name),
            Self::Version(version) => format!("version of {}", version.machine),
            Self::Alias(alias) => format!("alias {}:{}", alias.machine, alias.name),
            Self::Activity(activity) => format!("activity {}", activity.name),
        }
    }
}

/// A definition laid out for people: what its differences are shown by. One that is no JSON is shown as it is.
pub(crate) fn laid_out(definition: &str) -> String {
    let Ok(value) = Value::parse(definition) else { return definition.to_owned() };
    let mut text = String::with_capacity(2 * definition.len());
    lay_out(&value, 0, &mut text);
    text.push('\n');
    text
}

/// As `serde_json` would, with the members in their order and the numbers as they were written.
fn lay_out(value: &Value, depth: usize, text: &mut String) {
    let line = |depth: usize, text: &mut String| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, text);
                newel_value::write_string(name, text);
                text.push_str(": ");
                lay_out(member, depth + 1, text);
            }
            line(depth, text);
            text.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, text);
                lay_out(item, depth + 1, text);
            }
            line(depth, text);
            text.push(']');
        }
        other => other.write_json(text),
    }
}

/// Whether two definitions say the same, however they are laid out.
pub(crate) fn same_definition(one: &str, other: &str) -> bool {
    one == other || matches!((Value::parse(one), Value::parse(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_laid_out_in_its_order() {
        let text = r#"{"b":[1.50,{"c":"ü\n"}],"a":{},"d":[]}"#;
        let expect = "{\n  \"b\": [\n    1.50,\n    {\n      \"c\": \"ü\\n\"\n    }\n  ],\n  \"a\": {},\n  \"d\": []\n}\n";
        assert_eq!(laid_out(text), expect);
        assert_eq!(laid_out("no JSON"), "no JSON");
    }

    #[test]
    fn layout_makes_no_difference() {
        assert!(same_definition("{\"a\": 1}", "{ \"a\":1 }"));
        assert!(!same_definition("{\"a\": 1}", "{\"a\": 2}"));
        assert!(!same_definition("{", "["));
    }
}
