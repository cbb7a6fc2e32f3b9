//! `Assign`: which variables a state sets.

use std::collections::HashMap;

use newel_value::{Object, Str, Value};

use super::Compiler;
use super::jsonata::Sees;
use super::node::Node;
use crate::diagnostic::Code;
use crate::name::{self, NameError};
use crate::plan::Template;

/// The suffix of the name of a computed member.
pub(super) const COMPUTED: &str = ".$";

impl Compiler<'_> {
    /// `Assign` of a state, choice rule or catcher, and what an expression in it sees.
    pub(super) fn assign(&mut self, node: &Node<'_>, sees: Sees) -> Option<Template> {
        let written = self.object(node, "Assign")?;
        let jsonata = self.is_jsonata();
        for key in written.object.keys() {
            let computed = if jsonata { None } else { key.strip_suffix(COMPUTED) };
            self.variable(computed.unwrap_or(key), &written);
        }
        if jsonata { self.jsonata_template(node, "Assign", sees) } else { self.template(node, "Assign") }
    }

    fn variable(&mut self, variable: &str, written: &Node<'_>) {
        let location = || Some(written.location.clone());
        let invalid = |why: &str| format!("Invalid variable name '{variable}': {why}.");
        match name::check_variable(variable) {
            Ok(()) => {}
            Err(NameError::Reserved) => {
                let message = format!("Cannot assign to reserved variable '${variable}'.");
                self.found.report(Code::ReservedVariableName, message, location());
            }
            Err(NameError::TooLong(max)) => {
                let message = invalid(&format!("the variable name has more than {max} characters"));
                self.found.report(Code::InvalidVariableName, message, location());
            }
            Err(NameError::Empty | NameError::Character(_)) => {
                let message = invalid("the variable name contains invalid characters");
                self.found.report(Code::InvalidVariableName, message, location());
            }
        }
        let outer = self.variables.split_last().map_or(&[][..], |(_, outer)| outer);
        if outer.iter().any(|scope| scope.has(variable)) {
            let message =
                format!("Variable '{variable}' is assigned in an outer scope and can't be assigned here");
            self.fault_in(written, message);
        }
    }
}

/// The variables that the states of a `States` map assign, their choice rules and catchers included.
pub(super) struct Assigned {
    /// Each with the one state that assigns it; `None` if several do.
    by: HashMap<Str, Option<Str>>,
    /// The state being read.
    pub(super) reading: Option<Str>,
}

impl Assigned {
    pub(super) fn of(states: &Object) -> Self {
        let mut by: HashMap<Str, Option<Str>> = HashMap::new();
        for (name, state) in states.iter() {
            let lists = ["Choices", "Catch"].into_iter().filter_map(|field| state.get(field)?.as_array());
            for holder in std::iter::once(state).chain(lists.flatten()) {
                let assign = holder.get("Assign").and_then(Value::as_object);
                for key in assign.into_iter().flat_map(|assign| assign.keys()) {
                    by.entry(key.strip_suffix(COMPUTED).unwrap_or(key).into())
                        .and_modify(|state| *state = state.take().filter(|state| state == name))
                        .or_insert_with(|| Some(name.clone()));
                }
            }
        }
        Self { by, reading: None }
    }

    /// Whether a state other than the one being read assigns it: what that one assigns is set once its branches are
    /// over.
    fn has(&self, variable: &str) -> bool {
        self.by.get(variable).is_some_and(|state| state.is_none() || *state != self.reading)
    }
}
