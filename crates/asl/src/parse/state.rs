//! A state: what all types have, and the types that are simple.

use std::mem;
use std::sync::Arc;

use newel_value::{Str, Value};

use super::fields::StateType;
use super::jsonata::{Field, Sees};
use super::node::{self, Node};
use super::{Compiler, Here};
use crate::diagnostic::Code;
use crate::plan::{
    Fail, Kind, Parallel, Pass, QueryLanguage, Scope, Setting, State, Transition, Wait, WaitUntil,
};
use crate::timestamp::{Moment, Timestamp};

impl Kind {
    /// Whether a scope may end with it.
    pub(super) const fn is_terminal(&self) -> bool {
        let transition = match self {
            Self::Succeed | Self::Fail(_) => return true,
            Self::Choice(_) => return false,
            Self::Pass(state) => &state.transition,
            Self::Task(state) => &state.transition,
            Self::Wait(state) => &state.transition,
            Self::Parallel(state) => &state.transition,
            Self::Map(state) => &state.transition,
        };
        matches!(transition, Transition::End)
    }
}

impl Compiler<'_> {
    pub(super) fn state(&mut self, name: &Str, value: &Value, location: String) -> Option<State> {
        let node = self.node(value, location)?;
        let language = self.state_language(&node);
        let outer = mem::replace(&mut self.here, Here { language, fields_from: node.location.len() + 1 });
        let state = self.read_state(name, &node);
        self.here = outer;
        state
    }

    fn read_state(&mut self, name: &Str, node: &Node<'_>) -> Option<State> {
        let state_type = self.state_type(node)?;
        self.comment(node);
        let input_path = self.data_path(node, "InputPath");
        let output_path = self.data_path(node, "OutputPath");
        let sees = match state_type {
            StateType::Task | StateType::Parallel | StateType::Map => Sees::Result,
            _ => Sees::Input,
        };
        let assign = self.assign(node, sees);
        let output = self.output(node, sees);
        let language = self.here.language;
        let kind = match state_type {
            StateType::Task => self.task(node).map(|task| Kind::Task(Box::new(task))),
            StateType::Wait => self.wait(node).map(Kind::Wait),
            StateType::Pass => self.pass(node).map(Kind::Pass),
            StateType::Succeed => Some(Kind::Succeed),
            StateType::Fail => Some(Kind::Fail(self.fail(node))),
            StateType::Choice => self.choice(node).map(Kind::Choice),
            StateType::Parallel => self.parallel(node).map(|parallel| Kind::Parallel(Box::new(parallel))),
            StateType::Map => self.map(node).map(|map| Kind::Map(Box::new(map))),
        }?;
        Some(State { name: name.clone(), language, kind, input_path, output_path, assign, output })
    }

    /// `Next` or `End`.
    pub(super) fn transition(&mut self, node: &Node<'_>) -> Option<Transition> {
        let next = self.string(node, "Next");
        let end = self.boolean(node, "End");
        match (node.has("Next"), end) {
            (true, Some(true)) => {
                self.at_most_one(node, &["Next", "End"]);
                None
            }
            (true, _) => {
                let next = next?;
                self.target(&next, node.at("Next"));
                Some(Transition::Next(next))
            }
            (false, Some(true)) => Some(Transition::End),
            (false, None) if node.has("End") => None,
            (false, _) => {
                self.fault_in(node, "This object should have only one of the following fields: [Next, End]");
                None
            }
        }
    }

    fn pass(&mut self, node: &Node<'_>) -> Option<Pass> {
        let result = node.get("Result").cloned();
        if result.as_ref().is_some_and(super::template::has_computed_names) {
            let message = "The Result of a Pass state is taken as it is: paths in it are not evaluated";
            self.found.report(Code::PassResultIsStatic, message, Some(node.at("Result")));
        }
        let parameters = self.template(node, "Parameters");
        let result_path = self.result_path(node);
        Some(Pass { result, parameters, result_path, transition: self.transition(node)? })
    }

    fn wait(&mut self, node: &Node<'_>) -> Option<Wait> {
        let transition = self.transition(node);
        let forms: &[&str] = match self.here.language {
            QueryLanguage::JsonPath => &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"],
            QueryLanguage::Jsonata => &["Seconds", "Timestamp"],
        };
        let of_the_other_language = |field: &&str| node.has(field) && !forms.contains(field);
        if ["SecondsPath", "TimestampPath"].iter().any(of_the_other_language)
            || !self.exactly_one(node, forms)
        {
            return None;
        }
        let until = if node.has("Seconds") || node.has("SecondsPath") {
            self.integer_setting(node, ["Seconds", "SecondsPath"], node::SECONDS).map(WaitUntil::Seconds)
        } else {
            self.timestamp_setting(node).map(WaitUntil::Timestamp)
        };
        Some(Wait { until: until?, transition: transition? })
    }

    fn timestamp_setting(&mut self, node: &Node<'_>) -> Option<Setting<Timestamp>> {
        if node.has("TimestampPath") {
            return self.reference_in_data(node, "TimestampPath").map(Setting::Path);
        }
        match self.expression_field(node, "Timestamp") {
            Field::Expression(jsonata) => Some(Setting::Jsonata(jsonata)),
            Field::Refused => None,
            Field::Plain => {
                let text = self.string(node, "Timestamp")?;
                self.timestamp(&text, || node.at("Timestamp")).map(|at| Setting::Value(at.into()))
            }
        }
    }

    /// A timestamp that is written in the definition.
    pub(super) fn timestamp(&mut self, text: &str, location: impl FnOnce() -> String) -> Option<Moment> {
        let timestamp = Moment::parse(text);
        if timestamp.is_none() {
            self.fault("String does not match RFC3339 timestamp", location());
        }
        timestamp
    }

    fn fail(&mut self, node: &Node<'_>) -> Fail {
        Fail {
            error: self.text_setting(node, "Error", "ErrorPath"),
            cause: self.text_setting(node, "Cause", "CausePath"),
        }
    }

    fn text_setting(&mut self, node: &Node<'_>, field: &str, path: &str) -> Option<Setting<Str>> {
        match self.expression_field(node, field) {
            Field::Expression(jsonata) => return Some(Setting::Jsonata(jsonata)),
            Field::Refused => return None,
            Field::Plain if self.is_jsonata() => return self.string(node, field).map(Setting::Value),
            Field::Plain => {}
        }
        self.at_most_one(node, &[field, path]);
        if node.has(path) {
            return self.reference_or_intrinsic(node, path).map(Setting::Path);
        }
        let text = self.string(node, field)?;
        if super::query::looks_computed(&text) {
            let message = format!("Field '{field}' looks like a path, but its name does not end with 'Path'");
            self.found.report(Code::NoPath, message, Some(node.at(field)));
        }
        Some(Setting::Value(text))
    }

    fn parallel(&mut self, node: &Node<'_>) -> Option<Parallel> {
        let parameters = self.arguments(node);
        let result_selector = self.template(node, "ResultSelector");
        let result_path = self.result_path(node);
        let retry = self.retry(node);
        let catch = self.catch(node);
        let transition = self.transition(node);
        if !self.required(node, &["Branches"]) {
            return None;
        }
        let written = self.nonempty_array(node, "Branches")?;
        let mut branches = Vec::with_capacity(written.len());
        for (index, branch) in written.iter().enumerate() {
            let branch = self.node(branch, node.at_index("Branches", index));
            branches.extend(branch.and_then(|branch| self.inner_scope(&branch, &[])));
        }
        if branches.len() < written.len() {
            return None;
        }
        let transition = transition?;
        Some(Parallel { branches, parameters, result_selector, result_path, retry, catch, transition })
    }

    /// The scope of a branch or item processor, which has these fields too.
    pub(super) fn inner_scope(&mut self, node: &Node<'_>, fields: &[&str]) -> Option<Arc<Scope>> {
        self.known_fields(node, &[&["Comment", "StartAt", "States"], fields]);
        self.comment(node);
        if !self.required(node, &["States", "StartAt"]) {
            return None;
        }
        self.scope(node)
    }
}
