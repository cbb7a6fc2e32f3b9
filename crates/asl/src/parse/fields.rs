//! Which fields a state has, by its type and language.

use newel_value::Value;

use super::node::Node;
use super::{Compiler, MAX_NESTING};

/// The languages that say how data is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryLanguage {
    JsonPath,
    Jsonata,
}

/// The eight types of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateType {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

/// A type's name and fields.
#[derive(Debug)]
struct Fields {
    state_type: StateType,
    name: &'static str,
    /// In both languages.
    both: &'static [&'static str],
    /// In JSONPath states.
    json_path: &'static [&'static str],
    /// In JSONata states.
    jsonata: &'static [&'static str],
}

const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];

/// The types, in the order AWS lists them.
static TYPES: [Fields; 8] = [
    Fields {
        state_type: StateType::Task,
        name: "Task",
        both: &[
            "Resource",
            "Credentials",
            "TimeoutSeconds",
            "HeartbeatSeconds",
            "Retry",
            "Catch",
            "Assign",
            "Next",
            "End",
        ],
        json_path: &[
            "InputPath",
            "OutputPath",
            "Parameters",
            "ResultSelector",
            "ResultPath",
            "TimeoutSecondsPath",
            "HeartbeatSecondsPath",
        ],
        jsonata: &["Arguments", "Output"],
    },
    Fields {
        state_type: StateType::Wait,
        name: "Wait",
        both: &["Seconds", "Timestamp", "Assign", "Next", "End"],
        json_path: &["InputPath", "OutputPath", "SecondsPath", "TimestampPath"],
        jsonata: &["Output"],
    },
    Fields {
        state_type: StateType::Pass,
        name: "Pass",
        both: &["Assign", "Next", "End"],
        json_path: &["InputPath", "OutputPath", "Result", "Parameters", "ResultPath"],
        jsonata: &["Output"],
    },
    Fields {
        state_type: StateType::Succeed,
        name: "Succeed",
        both: &[],
        json_path: &["InputPath", "OutputPath"],
        jsonata: &["Output"],
    },
    Fields {
        state_type: StateType::Fail,
        name: "Fail",
        both: &["Error", "Cause"],
        json_path: &["ErrorPath", "CausePath"],
        jsonata: &[],
    },
    Fields {
        state_type: StateType::Choice,
        name: "Choice",
        both: &["Choices", "Default", "Assign"],
        json_path: &["InputPath", "OutputPath"],
        jsonata: &["Output"],
    },
    Fields {
        state_type: StateType::Parallel,
        name: "Parallel",
        both: &["Branches", "Retry", "Catch", "Assign", "Next", "End"],
        json_path: &["InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath"],
        jsonata: &["Arguments", "Output"],
    },
    Fields {
        state_type: StateType::Map,
        name: "Map",
        both: &[
            "ItemProcessor",
            "Iterator",
            "ItemSelector",
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
            "MaxConcurrency",
            "ToleratedFailureCount",
            "ToleratedFailurePercentage",
            "Label",
            "Retry",
            "Catch",
            "Assign",
            "Next",
            "End",
        ],
        json_path: &[
            "InputPath",
            "OutputPath",
            "Parameters",
            "ItemsPath",
            "MaxConcurrencyPath",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentagePath",
            "ResultSelector",
            "ResultPath",
        ],
        jsonata: &["Items", "Output"],
    },
];

impl Compiler<'_> {
    /// A state's type; reports that it has none, and the fields that a state of the type doesn't have.
    pub(super) fn state_type(&mut self, node: &Node<'_>) -> Option<StateType> {
        if !self.required(node, &["Type"]) {
            return None;
        }
        let written = node.get("Type").and_then(Value::as_str);
        let Some(fields) = TYPES.iter().find(|fields| written == Some(fields.name)) else {
            let names: Vec<&str> = TYPES.iter().map(|fields| fields.name).collect();
            let message = format!("The field 'Type' should have one of these values: [{}]", names.join(", "));
            self.fault(message, node.at("Type"));
            return None;
        };
        for field in fields.jsonata.iter().filter(|field| node.has(field)) {
            self.only_in_jsonata(node, field);
        }
        self.known_fields(node, &[COMMON, fields.both, fields.json_path, fields.jsonata]);
        Some(fields.state_type)
    }

    /// Reports a field of JSONata states in a JSONPath one.
    pub(super) fn only_in_jsonata(&mut self, node: &Node<'_>, field: &str) {
        let message = format!(
            "The QueryLanguage is set to 'JSONPath', but field '{field}' is only supported for the 'JSONata' \
             QueryLanguage"
        );
        self.fault_in(node, message);
    }

    /// `QueryLanguage` of a definition or state.
    pub(super) fn query_language(&mut self, node: &Node<'_>) -> QueryLanguage {
        match self.one_of(node, "QueryLanguage", &["JSONPath", "JSONata"]).as_deref() {
            Some("JSONata") => QueryLanguage::Jsonata,
            _ => QueryLanguage::JsonPath,
        }
    }

    /// Refuses a JSONata machine: for the states in it that go back to JSONPath, which the language forbids, or else
    /// because JSONata isn't run.
    pub(super) fn refuse_jsonata_machine(&mut self, node: &Node<'_>) {
        self.refuse_json_path_states(node, 0);
        if !self.found.is_refusal() {
            self.unsupported("QueryLanguage 'JSONata'", node.at("QueryLanguage"));
        }
    }

    fn refuse_json_path_states(&mut self, scope: &Node<'_>, depth: usize) {
        let states = scope.get("States").and_then(Value::as_object);
        for (name, state) in states.into_iter().flat_map(|states| states.iter()) {
            let Some(object) = state.as_object() else { continue };
            let node = Node { object, location: format!("{}/States/{name}", scope.location) };
            if node.get("QueryLanguage").and_then(Value::as_str) == Some("JSONPath") {
                self.fault_in(
                    &node,
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                );
            }
            if depth < MAX_NESTING {
                inner_scopes(&node).iter().for_each(|inner| self.refuse_json_path_states(inner, depth + 1));
            }
        }
    }
}

/// The objects in a state that have a `States` map, as far as they are objects.
fn inner_scopes<'a>(state: &Node<'a>) -> Vec<Node<'a>> {
    let branches = state.get("Branches").and_then(Value::as_array).unwrap_or_default();
    let branches = branches.iter().enumerate().map(|(i, branch)| (branch, state.at_index("Branches", i)));
    let processors = ["ItemProcessor", "Iterator"];
    let processors = processors.iter().filter_map(|field| Some((state.get(field)?, state.at(field))));
    branches
        .chain(processors)
        .filter_map(|(value, location)| Some(Node { object: value.as_object()?, location }))
        .collect()
}
