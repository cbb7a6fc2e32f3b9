//! Which fields a state has, by its type and language.

use newel_value::Value;

use super::Compiler;
use super::node::Node;
use crate::plan::QueryLanguage;

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
        match self.here.language {
            QueryLanguage::JsonPath => {
                fields
                    .jsonata
                    .iter()
                    .filter(|field| node.has(field))
                    .for_each(|f| self.only_in_jsonata(node, f));
            }
            QueryLanguage::Jsonata => {
                fields
                    .json_path
                    .iter()
                    .filter(|field| node.has(field))
                    .for_each(|f| self.only_in_json_path(node, f));
            }
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

    /// Reports a field of JSONPath states in a JSONata one.
    pub(super) fn only_in_json_path(&mut self, node: &Node<'_>, field: &str) {
        let message = format!(
            "The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the 'JSONPath' \
             QueryLanguage"
        );
        self.fault_in(node, message);
    }

    /// `QueryLanguage` of a definition or state, if it says one.
    pub(super) fn query_language(&mut self, node: &Node<'_>) -> Option<QueryLanguage> {
        match self.one_of(node, "QueryLanguage", &["JSONPath", "JSONata"])?.as_ref() {
            "JSONata" => Some(QueryLanguage::Jsonata),
            _ => Some(QueryLanguage::JsonPath),
        }
    }

    /// The language of a state. None goes back to JSONPath under a JSONata machine.
    pub(super) fn state_language(&mut self, node: &Node<'_>) -> QueryLanguage {
        match (self.machine_language, self.query_language(node)) {
            (QueryLanguage::Jsonata, Some(QueryLanguage::JsonPath)) => {
                self.fault_in(
                    node,
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                );
                QueryLanguage::Jsonata
            }
            (machine, state) => state.unwrap_or(machine),
        }
    }
}
