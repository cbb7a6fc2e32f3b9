//! The Map state.

use std::mem;
use std::sync::Arc;

use newel_value::Str;

use super::Compiler;
use super::jsonata::{Field, Sees};
use super::node::{self, Node};
use crate::diagnostic::Code;
use crate::machine_type::MachineType;
use crate::name::{self, NameError};
use crate::plan::{Map, Scope, Setting, Template};

/// The fields that only a distributed Map has.
const DISTRIBUTED: [&str; 3] = ["ItemReader", "ItemBatcher", "ResultWriter"];

impl Compiler<'_> {
    pub(super) fn map(&mut self, node: &Node<'_>) -> Option<Map> {
        if !self.exactly_one(node, &["ItemProcessor", "Iterator"]) {
            return None;
        }
        let field = if node.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
        let processor = self.object(node, field)?;
        let distributed = self.mode(&processor) == Mode::Distributed;
        let label = self.label(node);
        let extra = if distributed {
            self.distributed(node, &processor, label).map(Box::new).map(Some)
        } else {
            for field in DISTRIBUTED.iter().filter(|field| node.has(field)) {
                self.fault_in(node, format!("Field '{field}' is not supported"));
            }
            Some(None)
        };
        let processor = self
            .processor(&processor, extra.as_ref().and_then(Option::as_ref).map(|extra| extra.execution_type));
        let items_path = self.reference(node, "ItemsPath");
        let items = self.items(node);
        self.at_most_one(node, &["ItemSelector", "Parameters"]);
        let selector = if node.has("ItemSelector") { "ItemSelector" } else { "Parameters" };
        let item_selector = self.template_or_value(node, selector);
        let max_concurrency = self
            .integer_setting(node, ["MaxConcurrency", "MaxConcurrencyPath"], node::COUNT)
            .unwrap_or(Setting::Value(0));
        let tolerated_failure_count =
            self.integer_setting(node, ["ToleratedFailureCount", "ToleratedFailureCountPath"], node::COUNT);
        let tolerated_failure_percentage = self.percentage_setting(node);
        let result_selector = self.template(node, "ResultSelector");
        let result_path = self.result_path(node);
        let retry = self.retry(node);
        let catch = self.catch(node);
        let transition = self.transition(node)?;
        let distributed = extra?;
        Some(Map {
            processor: processor?,
            items_path,
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            result_selector,
            result_path,
            retry,
            catch,
            transition,
            distributed,
        })
    }

    /// The states that each item goes through. Those of a distributed Map are another execution's: they may do what its type
    /// may, and see no variables from outside.
    fn processor(&mut self, node: &Node<'_>, child: Option<MachineType>) -> Option<Arc<Scope>> {
        let Some(child) = child else { return self.inner_scope(node, &["ProcessorConfig"]) };
        let machine_type = mem::replace(&mut self.machine_type, child);
        let variables = mem::take(&mut self.variables);
        let scope = self.inner_scope(node, &["ProcessorConfig"]);
        self.machine_type = machine_type;
        self.variables = variables;
        scope
    }

    /// `ProcessorConfig.Mode`
    fn mode(&mut self, processor: &Node<'_>) -> Mode {
        let Some(config) = self.object(processor, "ProcessorConfig") else { return Mode::Inline };
        let distributed =
            self.one_of(&config, "Mode", &["INLINE", "DISTRIBUTED"]).as_deref() == Some("DISTRIBUTED");
        self.known_fields(&config, &[&["Mode"], if distributed { &["ExecutionType"] } else { &[] }]);
        if distributed { Mode::Distributed } else { Mode::Inline }
    }

    /// `Items` of a JSONata state.
    fn items(&mut self, node: &Node<'_>) -> Option<Template> {
        if self.is_jsonata() { self.jsonata_template(node, "Items", Sees::Input) } else { None }
    }

    fn percentage_setting(&mut self, node: &Node<'_>) -> Option<Setting<f64>> {
        let [field, path] = ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"];
        match self.expression_field(node, field) {
            Field::Expression(jsonata) => return Some(Setting::Jsonata(jsonata)),
            Field::Refused => return None,
            Field::Plain => {}
        }
        self.at_most_one(node, &[field, path]);
        if node.has(path) {
            return self.reference_in_data(node, path).map(Setting::Path);
        }
        self.float(node, field, 0.0, 100.0).map(Setting::Value)
    }

    fn label(&mut self, node: &Node<'_>) -> Option<Str> {
        let label = self.string(node, "Label")?;
        let Err(error) = name::check_label(&label) else { return Some(label) };
        let message = match error {
            NameError::TooLong(max) => {
                format!("Invalid Label name: Label exceeds the {max}-character limit allowed by the service")
            }
            _ => format!("Invalid Label name: {label}"),
        };
        self.found.report(Code::InvalidLabelName, message, Some(node.at("Label")));
        Some(label)
    }
}

/// How the items of a Map are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Inline,
    Distributed,
}
