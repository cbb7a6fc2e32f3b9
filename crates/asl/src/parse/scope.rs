//! A `States` map: the machine's, a branch's or an item processor's.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use newel_value::Str;

use super::graph::Vertex;
use super::node::Node;
use super::variable::Assigned;
use super::{Compiler, MAX_NESTING};
use crate::diagnostic::Code;
use crate::name;
use crate::plan::{Kind, Scope};

impl Compiler<'_> {
    /// The scope of an object that has `StartAt` and `States`.
    pub(super) fn scope(&mut self, node: &Node<'_>) -> Option<Arc<Scope>> {
        if self.depth == MAX_NESTING {
            self.too_deep("States", node.location.clone());
            return None;
        }
        self.depth += 1;
        // The state around this scope may have noted targets already.
        let outer = mem::take(&mut self.targets);
        let scope = self.states(node);
        self.targets = outer;
        self.depth -= 1;
        scope
    }

    fn states(&mut self, node: &Node<'_>) -> Option<Arc<Scope>> {
        let start_at = self.string(node, "StartAt");
        let members = self.object(node, "States")?;
        if members.object.is_empty() {
            self.fault("Value cannot be empty", members.location);
            return None;
        }
        self.variables.push(Assigned::of(members.object));
        let mut states = HashMap::with_capacity(members.object.len());
        let mut vertices = Vec::with_capacity(members.object.len());
        for (name, value) in members.object.iter() {
            let location = members.at(name);
            self.state_name(name, &location);
            if let Some(scope) = self.variables.last_mut() {
                scope.reading = Some(name.clone());
            }
            let state = self.state(name, value, location.clone());
            let terminal = state.as_ref().is_some_and(|state| state.kind.is_terminal());
            vertices.push(Vertex {
                name: name.clone(),
                location,
                terminal,
                targets: mem::take(&mut self.targets),
            });
            if let Some(state) = state.map(Arc::new) {
                if matches!(&state.kind, Kind::Map(map) if map.distributed.is_some()) {
                    self.distributed.insert(name.clone(), state.clone());
                }
                states.insert(name.clone(), state);
            }
        }
        self.variables.pop();
        let start_at = start_at?;
        self.check_graph(&start_at, node.at("StartAt"), &vertices);
        Some(Arc::new(Scope { start_at, states }))
    }

    fn state_name(&mut self, name: &Str, location: &str) {
        let length = name.chars().count();
        if length == 0 || length > name::MAX_NAME {
            let message = match length {
                0 => "Invalid State name: State name cannot be empty".to_owned(),
                _ => format!(
                    "Invalid State name: State exceeds the {}-character limit allowed by the service",
                    name::MAX_NAME
                ),
            };
            self.found.report(Code::InvalidStateName, message, Some(location.to_owned()));
        }
        if !self.names.insert(name.clone()) {
            let message = format!("Duplicate State name: {name}");
            self.graph.report(Code::DuplicateStateName, message, Some(location.to_owned()));
        }
    }
}
