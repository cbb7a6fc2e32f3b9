//! Whether the transitions of a scope lead somewhere, to every state, and to an end.

use std::collections::{HashMap, HashSet};

use newel_value::Str;

use super::{Compiler, Target};
use crate::diagnostic::Code;

/// A state as the graph sees it.
#[derive(Debug)]
pub(super) struct Vertex {
    pub(super) name: Str,
    pub(super) location: String,
    /// Whether the scope ends with it.
    pub(super) terminal: bool,
    pub(super) targets: Vec<Target>,
}

impl Compiler<'_> {
    /// Reports targets that don't exist; then, as AWS does, either that the workflow has no end or which states
    /// nothing leads to. Only the outermost scope must have an end.
    pub(super) fn check_graph(&mut self, start_at: &Str, location: String, vertices: &[Vertex]) {
        let by_name: HashMap<&str, &Vertex> = vertices.iter().map(|vertex| (&*vertex.name, vertex)).collect();
        let start = Target { to: start_at.clone(), location };
        let targets = std::iter::once(&start).chain(vertices.iter().flat_map(|vertex| &vertex.targets));
        for target in targets.filter(|target| !by_name.contains_key(&*target.to)) {
            let message = format!("Missing 'Next' target: {}", target.to);
            self.graph.report(Code::MissingTransitionTarget, message, Some(target.location.clone()));
        }
        if self.depth == 1 && !vertices.iter().any(|vertex| vertex.terminal) {
            self.graph.report(Code::MissingEndState, "Workflow has no terminal state", None);
            return;
        }
        let reached = reachable(&start.to, &by_name);
        for vertex in vertices.iter().filter(|vertex| !reached.contains(&*vertex.name)) {
            let message = format!("State \"{}\" is not reachable.", vertex.name);
            self.graph.report(Code::MissingTransitionTarget, message, Some(vertex.location.clone()));
        }
    }
}

/// The states that transitions lead to from a first one.
fn reachable<'a>(start: &'a str, by_name: &HashMap<&'a str, &'a Vertex>) -> HashSet<&'a str> {
    let mut reached = HashSet::from([start]);
    let mut pending = vec![start];
    while let Some(vertex) = pending.pop().and_then(|name| by_name.get(name)) {
        pending.extend(
            vertex
                .targets
                .iter()
                .map(|target| &*target.to)
                .filter(|to| by_name.contains_key(to) && reached.insert(to)),
        );
    }
    reached
}
