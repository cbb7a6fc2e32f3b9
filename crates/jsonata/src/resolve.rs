//! Turns what was written into what is evaluated: paths become lists of steps, `%` finds the step whose value it means,
//! variables get numbers.

use std::sync::Arc;

use newel_value::{Str, Value};
use rustc_hash::FxHashMap;

use crate::item::number_value;
use crate::matcher::Matcher;
use crate::node::{
    Call, Chain, Condition, Group, Kind, Lambda, Link, Node, Path, Program, Slot, Stage, Sym, Term, Transform,
};
use crate::signature::Signature;
use crate::syntax::{Raw, RawKind};
use crate::{MAX_PATTERNS, ParseError, Reference};

/// A compiled expression and the free variables it reads.
pub(crate) fn resolve(raw: Raw) -> Result<(Program, Vec<Reference>), ParseError> {
    let mut resolver = Resolver::default();
    let root_input = resolver.sym("$");
    resolver.scopes.push(Scope::default());
    let mut root = resolver.process(raw)?;
    if matches!(root.kind, Kind::Parent(_)) || root.has(|extras| !extras.seeking.is_empty()) {
        return Err(ParseError::new("S0217").at(root.position).with_token(type_name(&root.kind)));
    }
    simplify(&mut root);
    let mut references: Vec<Reference> = resolver.reads.into_iter().map(|read| read.reference).collect();
    references.sort_by_key(|reference| reference.position);
    let Resolver { names, bound, labels, .. } = resolver;
    Ok((Program { root, names, bound, labels, root_input }, references))
}

#[derive(Default)]
struct Resolver {
    names: Vec<Str>,
    ids: FxHashMap<Str, Sym>,
    bound: Vec<bool>,
    labels: Vec<Sym>,
    /// How many steps up each slot still has to go.
    levels: Vec<i32>,
    scopes: Vec<Scope>,
    reads: Vec<Read>,
    patterns: usize,
}

/// A block or function body.
#[derive(Default)]
struct Scope {
    bound: Vec<Sym>,
    /// Whether a variable is assigned in it.
    assigns: bool,
    reads_from: usize,
}

struct Read {
    reference: Reference,
    sym: Sym,
    /// It happens when a function is called, so what its scope binds later counts too.
    deferred: bool,
}

impl Resolver {
    fn sym(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.ids.get(name) {
            return *sym;
        }
        let sym = Sym::try_from(self.names.len()).unwrap_or(Sym::MAX);
        let name: Str = name.into();
        self.names.push(Arc::clone(&name));
        self.bound.push(false);
        self.ids.insert(name, sym);
        sym
    }

    fn bind(&mut self, name: &str) -> Sym {
        let sym = self.sym(name);
        self.bound[sym as usize] = true;
        if let Some(scope) = self.scopes.last_mut() {
            scope.bound.push(sym);
        }
        sym
    }

    fn enter(&mut self) {
        self.scopes.push(Scope { reads_from: self.reads.len(), ..Scope::default() });
    }

    /// Ends a scope and says whether it assigns variables.
    fn leave(&mut self, is_function: bool) -> bool {
        let Some(scope) = self.scopes.pop() else { return false };
        let mut at = scope.reads_from;
        while at < self.reads.len() {
            let read = &mut self.reads[at];
            if read.deferred && scope.bound.contains(&read.sym) {
                self.reads.remove(at);
            } else {
                read.deferred |= is_function;
                at += 1;
            }
        }
        scope.assigns
    }

    fn read(&mut self, name: &Str, position: u32, members: Vec<Str>) -> Kind {
        if name.is_empty() {
            return Kind::Context;
        }
        let sym = self.sym(name);
        if &**name != "$" && !self.scopes.iter().any(|scope| scope.bound.contains(&sym)) {
            let start = (position as usize).saturating_sub(name.len() + 1);
            let reference = Reference { name: Arc::clone(name), members, position: start };
            self.reads.push(Read { reference, sym, deferred: false });
        }
        Kind::Variable(sym)
    }

    fn process(&mut self, raw: Raw) -> Result<Node, ParseError> {
        let keep_array = raw.keep_array;
        let mut node = self.process_kind(raw)?;
        node.keep_array |= keep_array;
        Ok(node)
    }

    fn process_kind(&mut self, raw: Raw) -> Result<Node, ParseError> {
        let Raw { kind, position, keep_array, .. } = raw;
        let kind = match kind {
            RawKind::Name(name) => {
                let mut step = Node::new(Kind::Name(name), position);
                step.keep_array = keep_array;
                return Ok(path(vec![step], keep_array, position));
            }
            RawKind::Word(word) => Kind::Name(word.into()),
            RawKind::Variable(name) => self.read(&name, position, Vec::new()),
            RawKind::String(text) => Kind::Literal(Value::String(text)),
            RawKind::Number(number) => Kind::Literal(number_value(number)),
            RawKind::Value(value) => Kind::Literal(value),
            RawKind::Regex { pattern, flags } => self.pattern(&pattern, &flags, position)?,
            RawKind::Wildcard => Kind::Wildcard,
            RawKind::Descendant => Kind::Descendant,
            RawKind::Parent => {
                let slot = self.levels.len();
                let label = self.sym(&format!("%{slot}"));
                self.bound[label as usize] = true;
                self.labels.push(label);
                self.levels.push(1);
                Kind::Parent(slot)
            }
            RawKind::End => return Err(ParseError::new("S0207").at(position).with_token("(end)")),
            RawKind::Dots(steps) => return self.dots(steps, position),
            RawKind::Chain(first, rest) => return self.chain(*first, rest, position),
            RawKind::Filters(step, predicates) => return self.filters(*step, predicates),
            RawKind::Group(of, pairs) => return self.group(*of, pairs, position),
            RawKind::Sort(of, terms) => return self.sort(*of, terms, position),
            RawKind::Focus(of, name) => return self.focus(*of, &name, keep_array, position),
            RawKind::Index(of, name) => return self.index(*of, &name),
            RawKind::Apply(left, right) => {
                let (left, right) = (self.process(*left)?, self.process(*right)?);
                let keep_array = left.keep_array || right.keep_array;
                let mut node = Node::new(Kind::Apply(Box::new((left, right))), position);
                node.keep_array = keep_array;
                return Ok(node);
            }
            RawKind::Lambda { parameters, signature, body } => self.lambda(&parameters, signature, *body)?,
            RawKind::Transform { pattern, update, delete } => Kind::Transform(Arc::new(Transform {
                pattern: self.process(*pattern)?,
                update: self.process(*update)?,
                delete: delete.map(|delete| self.process(*delete)).transpose()?,
            })),
            other => return self.seeking(other, position),
        };
        Ok(Node::new(kind, position))
    }

    /// Expressions in which a `%` looks for its step further out.
    fn seeking(&mut self, kind: RawKind, position: u32) -> Result<Node, ParseError> {
        let mut slots = Vec::new();
        let kind = match kind {
            RawKind::Bind(name, value) => {
                let value = self.part(*value, &mut slots)?;
                let sym = self.bind(&name);
                if let Some(scope) = self.scopes.last_mut() {
                    scope.assigns = true;
                }
                Kind::Bind(sym, Box::new(value))
            }
            RawKind::Array(items) => Kind::Array(self.parts(items, &mut slots)?),
            RawKind::Range(start, end) => {
                Kind::Range(Box::new((self.part(*start, &mut slots)?, self.part(*end, &mut slots)?)))
            }
            RawKind::Object(pairs) => {
                let mut processed = Vec::with_capacity(pairs.len());
                for (name, value) in pairs {
                    processed.push((self.part(name, &mut slots)?, self.part(value, &mut slots)?));
                }
                Kind::Object(Box::new(Group { pairs: processed, position }))
            }
            RawKind::Negate(operand) => {
                let operand = self.part(*operand, &mut slots)?;
                if let Kind::Literal(Value::Number(number)) = &operand.kind {
                    let negative = number_value(-number.as_f64());
                    return Ok(Node { kind: Kind::Literal(negative), ..operand });
                }
                Kind::Negate(Box::new(operand))
            }
            RawKind::Block(items) => {
                self.enter();
                let items = self.parts(items, &mut slots)?;
                let scoped = self.leave(false);
                let cons = items.iter().any(|item| match &item.kind {
                    Kind::Path(path) => path.steps.first().is_some_and(|step| step.has(|extras| extras.cons)),
                    _ => item.has(|extras| extras.cons),
                });
                let mut node = Node::new(Kind::Block { items, scoped }, position);
                if cons {
                    node.extras_mut().cons = true;
                }
                return Ok(with_seeking(node, slots));
            }
            RawKind::Condition(condition, then, otherwise) => Kind::Condition(Box::new(Condition {
                condition: self.part(*condition, &mut slots)?,
                then: self.part(*then, &mut slots)?,
                otherwise: otherwise.map(|other| self.part(*other, &mut slots)).transpose()?,
            })),
            RawKind::Call(procedure, arguments) => {
                let mut processed = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    processed.push(argument.map(|argument| self.part(argument, &mut slots)).transpose()?);
                }
                let partial = processed.iter().any(Option::is_none);
                let call = Box::new(Call { procedure: self.process(*procedure)?, arguments: processed });
                if partial { Kind::Partial(call) } else { Kind::Call(call) }
            }
            _ => return Err(ParseError::new("S0207").at(position)),
        };
        Ok(with_seeking(Node::new(kind, position), slots))
    }

    fn part(&mut self, raw: Raw, slots: &mut Vec<Slot>) -> Result<Node, ParseError> {
        let node = self.process(raw)?;
        slots.extend(sought(&node));
        Ok(node)
    }

    fn parts(&mut self, raws: Vec<Raw>, slots: &mut Vec<Slot>) -> Result<Vec<Node>, ParseError> {
        raws.into_iter().map(|raw| self.part(raw, slots)).collect()
    }

    fn pattern(&mut self, pattern: &str, flags: &str, position: u32) -> Result<Kind, ParseError> {
        self.patterns += 1;
        let error = |message: String| {
            ParseError::new("S0303").at(position).with_token(pattern).with("message", Some(message.into()))
        };
        if self.patterns > MAX_PATTERNS {
            return Err(error(format!("an expression has at most {MAX_PATTERNS} of them")));
        }
        Ok(Kind::Regex(Arc::new(Matcher::new(pattern, flags).map_err(error)?)))
    }

    fn lambda(
        &mut self,
        parameters: &[Str],
        signature: Option<Signature>,
        body: Raw,
    ) -> Result<Kind, ParseError> {
        self.enter();
        let parameters = parameters.iter().map(|name| self.bind(name)).collect();
        let body = self.process(body)?;
        self.leave(true);
        Ok(Kind::Lambda(Arc::new(Lambda { parameters, signature, body })))
    }

    fn dots(&mut self, raws: Vec<Raw>, position: u32) -> Result<Node, ParseError> {
        let members = members_of(&raws);
        let mut raws = raws.into_iter();
        let Some(first) = raws.next() else { return Err(ParseError::new("S0207").at(position)) };
        let reads_from = self.reads.len();
        let is_variable = matches!(&first.kind, RawKind::Variable(_));
        let mut node = self.process(first)?;
        if is_variable && self.reads.len() > reads_from {
            self.reads[reads_from].reference.members = members;
        }
        if !matches!(node.kind, Kind::Path(_)) {
            let slots: Vec<Slot> = if let Kind::Parent(slot) = node.kind { vec![slot] } else { Vec::new() };
            let at = node.position;
            node = with_seeking(path(vec![node], false, at), slots);
        }
        for raw in raws {
            let step = self.process(raw)?;
            self.add_steps(&mut node, step)?;
        }
        Ok(node)
    }

    fn add_steps(&mut self, node: &mut Node, mut next: Node) -> Result<(), ParseError> {
        let Kind::Path(path) = &mut node.kind else { return Ok(()) };
        let known = path.steps.len();
        if let Kind::Path(rest) = next.kind {
            path.steps.extend(rest.steps);
        } else {
            if let Some(extras) = &mut next.extras {
                let predicates = std::mem::take(&mut extras.predicates);
                if !predicates.is_empty() {
                    extras.stages = predicates;
                }
            }
            path.steps.push(next);
        }
        // The steps before these have been through this, except the first of all when the second comes.
        for step in &mut path.steps[if known == 1 { 0 } else { known }..] {
            match &step.kind {
                Kind::Literal(Value::String(text)) => step.kind = Kind::Name(Arc::clone(text)),
                Kind::Literal(value) => {
                    return Err(ParseError::new("S0213").at(step.position).with_value(Some(value.clone())));
                }
                _ => {}
            }
            path.keep_singleton |= step.keep_array;
        }
        let last = path.steps.len() - 1;
        for at in [0, last] {
            if matches!(path.steps[at].kind, Kind::Array(_)) {
                path.steps[at].extras_mut().cons = true;
            }
        }
        self.resolve_parents(node)
    }

    /// Takes the parents that the last step looks for up the path.
    fn resolve_parents(&mut self, node: &mut Node) -> Result<(), ParseError> {
        let Kind::Path(path) = &mut node.kind else { return Ok(()) };
        let steps = &mut path.steps;
        let mut unresolved = Vec::new();
        for slot in steps.last().map(sought).unwrap_or_default() {
            let mut above = steps.len() - 1;
            while self.levels[slot] > 0 {
                if above == 0 {
                    unresolved.push(slot);
                    break;
                }
                above -= 1;
                // Steps that share one focus are one step up.
                while above > 0
                    && steps[above].has(|extras| extras.focus.is_some())
                    && steps[above - 1].has(|extras| extras.focus.is_some())
                {
                    above -= 1;
                }
                self.seek_parent(&mut steps[above], slot)?;
            }
        }
        if !unresolved.is_empty() {
            node.extras_mut().seeking.extend(unresolved);
        }
        Ok(())
    }

    fn seek_parent(&mut self, node: &mut Node, slot: Slot) -> Result<(), ParseError> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.levels[slot] -= 1;
                let reached = self.levels[slot] == 0;
                let extras = node.extras_mut();
                if reached {
                    if let Some(other) = extras.ancestor {
                        self.labels[slot] = self.labels[other];
                    }
                    extras.ancestor = Some(slot);
                }
                extras.tuple = true;
            }
            Kind::Parent(_) => self.levels[slot] += 1,
            Kind::Block { items, .. } => {
                if let Some(last) = items.last_mut() {
                    self.seek_parent(last, slot)?;
                    node.extras_mut().tuple = true;
                }
            }
            Kind::Path(path) => {
                let mut at = path.steps.len();
                while at > 0 {
                    at -= 1;
                    self.seek_parent(&mut path.steps[at], slot)?;
                    if self.levels[slot] <= 0 {
                        break;
                    }
                }
                node.extras_mut().tuple = true;
            }
            kind => {
                return Err(ParseError::new("S0217").at(node.position).with_token(type_name(kind)));
            }
        }
        Ok(())
    }

    fn chain(
        &mut self,
        first: Raw,
        rest: Vec<(crate::node::Op, u32, Raw)>,
        position: u32,
    ) -> Result<Node, ParseError> {
        let mut slots = Vec::new();
        let first = self.part(first, &mut slots)?;
        let mut links = Vec::with_capacity(rest.len());
        for (op, position, raw) in rest {
            links.push(Link { op, position, rhs: self.part(raw, &mut slots)? });
        }
        let node = Node::new(Kind::Chain(Box::new(Chain { first, rest: links })), position);
        Ok(with_seeking(node, slots))
    }

    fn filters(&mut self, of: Raw, predicates: Vec<(u32, Raw)>) -> Result<Node, ParseError> {
        let mut node = self.process(of)?;
        for (position, raw) in predicates {
            let grouped = |node: &Node| node.has(|extras| extras.group.is_some());
            if grouped(last_step(&mut node).0) {
                return Err(ParseError::new("S0209").at(position));
            }
            let predicate = self.process(raw)?;
            let (step, in_path) = last_step(&mut node);
            let slots: Vec<Slot> =
                predicate.extras.iter().flat_map(|extras| extras.seeking.clone()).collect();
            for slot in slots {
                if self.levels[slot] == 1 {
                    self.seek_parent(step, slot)?;
                } else {
                    self.levels[slot] -= 1;
                }
            }
            let sought = sought(&predicate);
            let extras = step.extras_mut();
            extras.seeking.extend(sought);
            let stages = if in_path { &mut extras.stages } else { &mut extras.predicates };
            stages.push(Stage::Filter(predicate));
        }
        if node.has(|extras| extras.seeking.is_empty() && extras.is_default()) {
            node.extras = None;
        }
        Ok(node)
    }

    fn group(&mut self, of: Raw, pairs: Vec<(Raw, Raw)>, position: u32) -> Result<Node, ParseError> {
        let mut node = self.process(of)?;
        if node.has(|extras| extras.group.is_some()) {
            return Err(ParseError::new("S0210").at(position));
        }
        let mut processed = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            processed.push((self.process(name)?, self.process(value)?));
        }
        node.extras_mut().group = Some(Group { pairs: processed, position });
        Ok(node)
    }

    fn sort(&mut self, of: Raw, terms: Vec<(bool, Raw)>, position: u32) -> Result<Node, ParseError> {
        let mut node = as_path(self.process(of)?);
        let mut slots = Vec::new();
        let mut processed = Vec::with_capacity(terms.len());
        for (descending, raw) in terms {
            processed.push(Term { descending, expression: self.part(raw, &mut slots)? });
        }
        let step = with_seeking(Node::new(Kind::Sort(processed), position), slots);
        if let Kind::Path(path) = &mut node.kind {
            path.steps.push(step);
        }
        self.resolve_parents(&mut node)?;
        Ok(node)
    }

    fn focus(&mut self, of: Raw, name: &str, keep_array: bool, position: u32) -> Result<Node, ParseError> {
        let mut node = self.process(of)?;
        let sym = self.bind(name);
        let (step, _) = last_step(&mut node);
        if step.has(|extras| !extras.stages.is_empty() || !extras.predicates.is_empty()) {
            return Err(ParseError::new("S0215").at(position));
        }
        if matches!(step.kind, Kind::Sort(_)) {
            return Err(ParseError::new("S0216").at(position));
        }
        step.keep_array |= keep_array;
        let extras = step.extras_mut();
        extras.focus = Some(sym);
        extras.tuple = true;
        Ok(node)
    }

    fn index(&mut self, of: Raw, name: &str) -> Result<Node, ParseError> {
        let mut node = self.process(of)?;
        let sym = self.bind(name);
        if !matches!(node.kind, Kind::Path(_)) {
            if let Some(extras) = &mut node.extras {
                extras.stages = std::mem::take(&mut extras.predicates);
            }
            node = as_path(node);
        }
        let extras = last_step(&mut node).0.extras_mut();
        if extras.stages.is_empty() {
            extras.index = Some(sym);
        } else {
            extras.stages.push(Stage::Index(sym));
        }
        extras.tuple = true;
        Ok(node)
    }
}

fn path(steps: Vec<Node>, keep_singleton: bool, position: u32) -> Node {
    Node::new(Kind::Path(Box::new(Path { steps, keep_singleton, plain: false })), position)
}

fn as_path(node: Node) -> Node {
    if matches!(node.kind, Kind::Path(_)) {
        return node;
    }
    let position = node.position;
    path(vec![node], false, position)
}

/// The step that a predicate or variable after this belongs to, and whether it is one of a path.
fn last_step(node: &mut Node) -> (&mut Node, bool) {
    if !matches!(&node.kind, Kind::Path(path) if !path.steps.is_empty()) {
        return (node, false);
    }
    match &mut node.kind {
        Kind::Path(path) => {
            let last = path.steps.len() - 1;
            (&mut path.steps[last], true)
        }
        _ => unreachable!("checked above"),
    }
}

/// The parents that an expression looks for outside itself.
fn sought(node: &Node) -> Vec<Slot> {
    let mut slots = node.extras.as_ref().map(|extras| extras.seeking.clone()).unwrap_or_default();
    if let Kind::Parent(slot) = node.kind {
        slots.push(slot);
    }
    slots
}

fn with_seeking(mut node: Node, slots: Vec<Slot>) -> Node {
    if !slots.is_empty() {
        node.extras_mut().seeking = slots;
    }
    node
}

/// The names that follow a variable, up to the first step that isn't one.
fn members_of(raws: &[Raw]) -> Vec<Str> {
    let mut members = Vec::new();
    for raw in raws.iter().skip(1) {
        match &raw.kind {
            RawKind::Name(name) | RawKind::String(name) => members.push(Arc::clone(name)),
            RawKind::Filters(step, _) => {
                if let RawKind::Name(name) | RawKind::String(name) = &step.kind {
                    members.push(Arc::clone(name));
                }
                break;
            }
            _ => break,
        }
    }
    members
}

/// What the reference implementation calls such a node.
fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Literal(Value::Number(_)) => "number",
        Kind::Literal(Value::String(_)) => "string",
        Kind::Literal(_) => "value",
        Kind::Name(_) => "name",
        Kind::Variable(_) | Kind::Context => "variable",
        Kind::Wildcard => "wildcard",
        Kind::Descendant => "descendant",
        Kind::Parent(_) => "parent",
        Kind::Path(_) => "path",
        Kind::Chain(_) | Kind::Range(_) => "binary",
        Kind::Negate(_) | Kind::Array(_) | Kind::Object(_) => "unary",
        Kind::Sort(_) => "sort",
        Kind::Condition(_) => "condition",
        Kind::Block { .. } => "block",
        Kind::Bind(..) => "bind",
        Kind::Regex(_) => "regex",
        Kind::Call(_) => "function",
        Kind::Partial(_) => "partial",
        Kind::Lambda(_) => "lambda",
        Kind::Apply(_) => "apply",
        Kind::Transform(_) => "transform",
    }
}

/// Finds the paths that need no sequences.
fn simplify(node: &mut Node) {
    if let Kind::Path(path) = &mut node.kind {
        let names = |step: &Node| matches!(step.kind, Kind::Name(_)) && step.extras.is_none();
        let head = path.steps.first().is_some_and(|step| {
            step.extras.is_none() && matches!(step.kind, Kind::Name(_) | Kind::Variable(_) | Kind::Context)
        });
        let whole = node.extras.is_none() && !node.keep_array && !path.keep_singleton;
        path.plain = head && whole && path.steps.iter().skip(1).all(names);
    }
    node.each_child(&mut simplify);
}
