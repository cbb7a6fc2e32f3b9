//! The Map state.

use std::sync::Arc;

use newel_value::Value;

use super::Compiler;
use super::jsonata::{Field, Sees};
use super::node::{self, Node};
use crate::diagnostic::Code;
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
        if is_distributed(&processor) {
            self.unsupported("Mode 'DISTRIBUTED'", format!("{}/ProcessorConfig/Mode", processor.location));
            return None;
        }
        for field in DISTRIBUTED.iter().filter(|field| node.has(field)) {
            self.fault_in(node, format!("Field '{field}' is not supported"));
        }
        self.label(node);
        let processor = self.processor(&processor);
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
        })
    }

    fn processor(&mut self, node: &Node<'_>) -> Option<Arc<Scope>> {
        if let Some(config) = self.object(node, "ProcessorConfig") {
            self.known_fields(&config, &[&["Mode"]]);
            self.one_of(&config, "Mode", &["INLINE", "DISTRIBUTED"]);
        }
        self.inner_scope(node, &["ProcessorConfig"])
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

    fn label(&mut self, node: &Node<'_>) {
        let Some(label) = self.string(node, "Label") else { return };
        let Err(error) = name::check_label(&label) else { return };
        let message = match error {
            NameError::TooLong(max) => {
                format!("Invalid Label name: Label exceeds the {max}-character limit allowed by the service")
            }
            _ => format!("Invalid Label name: {label}"),
        };
        self.found.report(Code::InvalidLabelName, message, Some(node.at("Label")));
    }
}

fn is_distributed(processor: &Node<'_>) -> bool {
    let mode = processor.get("ProcessorConfig").and_then(|config| config.get("Mode"));
    mode.and_then(Value::as_str) == Some("DISTRIBUTED")
}
