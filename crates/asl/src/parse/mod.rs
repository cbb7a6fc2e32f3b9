//! From a definition's text to a plan.
//!
//! One pass over the parsed JSON reports what is wrong and builds the plan side by side. What is wrong with the graph of
//! states (targets, ends, reachability, names) is only told of a definition whose fields are right, as AWS does: a
//! state that couldn't be read says nothing about where it leads.

mod choice;
mod distributed;
mod fields;
mod graph;
mod intrinsic;
mod jsonata;
mod map;
mod node;
mod query;
mod retry;
mod scope;
mod state;
mod task;
mod template;
mod variable;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use newel_value::{Object, ParseErrorKind, Str, Value};

use crate::catalog::ResourceCatalog;
use crate::diagnostic::{Code, Diagnostics};
use crate::limits::Limits;
use crate::machine_type::MachineType;
use crate::plan::{Plan, QueryLanguage, State};
use node::Node;

/// How deep scopes, choice rules and templates may each be nested. AWS has such a limit (`TOO_DEEPLY_NESTED`) and
/// doesn't publish it; this one keeps recursion far from the stack's end.
const MAX_NESTING: usize = 64;

/// How many characters of a definition the description of a JSON fault repeats.
const SOURCE_EXCERPT: usize = 500;

/// Compiles a definition.
///
/// # Errors
/// All that is wrong with it; its `Display` is the message of AWS's `InvalidDefinition`.
pub fn compile(
    definition: &str,
    machine_type: MachineType,
    catalog: &dyn ResourceCatalog,
    limits: &Limits,
) -> Result<Plan, Diagnostics> {
    let (plan, found) = read(definition, machine_type, catalog, limits);
    match plan {
        Some(plan) if !found.is_refusal() => Ok(plan),
        _ => Err(found),
    }
}

/// The name that a state compiled by itself goes by, as TestState has it.
pub const LONE_STATE: &str = "StateName";

/// Compiles one state by itself, the only one of the plan. Where it leads needn't be there.
///
/// # Errors
/// All that is wrong with it, located as if it were a state of a definition.
pub fn compile_state(
    state: &str,
    catalog: &dyn ResourceCatalog,
    limits: &Limits,
) -> Result<Plan, Diagnostics> {
    let mut compiler = Compiler::new(state, MachineType::Standard, catalog);
    let plan = compiler.read(state, limits).and_then(|state| {
        if state.as_object().is_none() {
            compiler.not_an_object();
            return None;
        }
        let states: Object = [(LONE_STATE, state)].into_iter().collect();
        let machine: Object =
            [("StartAt", Value::from(LONE_STATE)), ("States", states.into())].into_iter().collect();
        compiler.machine(&machine)
    });
    match plan {
        Some(plan) if !compiler.found.is_refusal() => Ok(plan),
        _ => Err(compiler.found),
    }
}

/// What there is to say about a definition: errors and warnings.
#[must_use]
pub fn validate(
    definition: &str,
    machine_type: MachineType,
    catalog: &dyn ResourceCatalog,
    limits: &Limits,
) -> Diagnostics {
    read(definition, machine_type, catalog, limits).1
}

/// The plan, if all of it could be built, and what was found. No plan means that an error was found.
fn read(
    definition: &str,
    machine_type: MachineType,
    catalog: &dyn ResourceCatalog,
    limits: &Limits,
) -> (Option<Plan>, Diagnostics) {
    let mut compiler = Compiler::new(definition, machine_type, catalog);
    let plan = compiler.definition(definition, limits);
    let mut found = compiler.found;
    if !found.is_refusal() {
        compiler.graph.into_vec().into_iter().for_each(|diagnostic| found.push(diagnostic));
    }
    (plan, found)
}

/// What is known while a definition is read.
struct Compiler<'a> {
    catalog: &'a dyn ResourceCatalog,
    machine_type: MachineType,
    found: Diagnostics,
    /// What is wrong with the graph of states, told if nothing else is wrong.
    graph: Diagnostics,
    /// The names of all states so far.
    names: HashSet<Str>,
    /// The labels that distributed Maps so far have been given.
    labels: HashSet<Str>,
    /// Where the state being read leads.
    targets: Vec<Target>,
    /// The variables assigned in each scope around the state being read, outermost first.
    variables: Vec<variable::Assigned>,
    /// How many scopes are around the state being read.
    depth: usize,
    /// The distributed Maps so far.
    distributed: HashMap<Str, Arc<State>>,
    /// What tells the definition from others.
    fingerprint: u128,
    /// The language that states have unless they say another. It is the machine's even in a Map or Parallel that says
    /// another.
    machine_language: QueryLanguage,
    /// The state being read.
    here: Here,
}

/// What there is to know of the state being read.
#[derive(Clone, Copy, Debug)]
struct Here {
    language: QueryLanguage,
    /// Where in a location below the state the field's path begins.
    fields_from: usize,
}

/// A transition to a state, and where it is written.
#[derive(Debug)]
struct Target {
    to: Str,
    location: String,
}

impl<'a> Compiler<'a> {
    fn new(text: &str, machine_type: MachineType, catalog: &'a dyn ResourceCatalog) -> Self {
        Self {
            catalog,
            machine_type,
            found: Diagnostics::default(),
            graph: Diagnostics::default(),
            names: HashSet::new(),
            labels: HashSet::new(),
            targets: Vec::new(),
            variables: Vec::new(),
            depth: 0,
            machine_language: QueryLanguage::JsonPath,
            here: Here { language: QueryLanguage::JsonPath, fields_from: 0 },
            distributed: HashMap::new(),
            fingerprint: distributed::fingerprint(text.bytes(), distributed::FINGERPRINT),
        }
    }
}

impl Compiler<'_> {
    fn definition(&mut self, definition: &str, limits: &Limits) -> Option<Plan> {
        let value = self.read(definition, limits)?;
        let Some(object) = value.as_object() else {
            self.not_an_object();
            return None;
        };
        self.machine(object)
    }

    /// What a text of no more than the limit says.
    fn read(&mut self, text: &str, limits: &Limits) -> Option<Value> {
        if text.len() > limits.definition_bytes {
            let message = format!("Definition must not be larger than {} bytes", limits.definition_bytes);
            self.found.report(Code::SchemaValidationFailed, message, None);
            return None;
        }
        self.json(text)
    }

    fn machine(&mut self, object: &Object) -> Option<Plan> {
        let node = Node { object, location: String::new() };
        self.known_fields(
            &node,
            &[&["Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"]],
        );
        self.comment(&node);
        self.one_of(&node, "Version", &["1.0"]);
        // AWS takes 0 here, unlike in a Task, and it says no more than an absent field.
        let timeout_seconds =
            self.integer(&node, "TimeoutSeconds", node::SECONDS).filter(|seconds| *seconds > 0);
        self.machine_language = self.query_language(&node).unwrap_or_default();
        if !self.required(&node, &["States", "StartAt"]) {
            return None;
        }
        let root = self.scope(&node)?;
        Some(Plan { root, timeout_seconds, distributed: Arc::new(std::mem::take(&mut self.distributed)) })
    }

    fn json(&mut self, definition: &str) -> Option<Value> {
        let error = match Value::parse(definition) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let passed = match error.kind() {
            ParseErrorKind::Empty => {
                self.not_an_object();
                return None;
            }
            // AWS's parser names the place behind what it stumbled over.
            ParseErrorKind::UnrecognizedToken(token) => token.chars().count(),
            ParseErrorKind::UnexpectedCharacter(..) => 1,
            _ => 0,
        };
        let source = source(definition);
        let location = format!(
            "[Source: (String){source}; line: {}, column: {}]",
            error.line(),
            error.column().saturating_add(passed)
        );
        let message = format!("{error}\n at {location}");
        self.found.report(Code::InvalidJsonDescription, message, Some(location));
        None
    }

    fn not_an_object(&mut self) {
        self.found.report(Code::SchemaValidationFailed, "Definition must be a valid JSON object", None);
    }

    /// Notes that the state being read leads to another.
    fn target(&mut self, to: &Str, location: String) {
        self.targets.push(Target { to: to.clone(), location });
    }

    /// Reports something nested past [`MAX_NESTING`].
    fn too_deep(&mut self, what: &str, location: String) {
        let message = format!("{what} are nested deeper than {MAX_NESTING} levels");
        self.found.report(Code::TooDeeplyNested, message, Some(location));
    }
}

/// The beginning of a text in quotes, and how much of it is left out, as AWS's parser describes its source.
fn source(text: &str) -> String {
    let mut characters = text.chars();
    let excerpt: String = characters.by_ref().take(SOURCE_EXCERPT).collect();
    match characters.count() {
        0 => format!("\"{excerpt}\""),
        left => format!("\"{excerpt}\"[truncated {left} chars]"),
    }
}
