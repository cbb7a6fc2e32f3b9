//! The tree that is evaluated.

use std::sync::Arc;

use newel_value::{Str, Value};

use crate::matcher::Matcher;
use crate::signature::Signature;

/// A variable's name, as its place in [`Program::names`].
pub(crate) type Sym = u32;

/// A place where a `%` will find the value of an enclosing step; its variable is in [`Program::labels`].
pub(crate) type Slot = usize;

/// A compiled expression.
pub(crate) struct Program {
    pub(crate) root: Node,
    pub(crate) names: Vec<Str>,
    /// Whether the expression itself binds the name, as a variable, parameter or `@`/`#` variable.
    pub(crate) bound: Vec<bool>,
    pub(crate) labels: Vec<Sym>,
    /// The name of the input, `$$`.
    pub(crate) root_input: Sym,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) position: u32,
    /// `[]`: the result stays an array.
    pub(crate) keep_array: bool,
    pub(crate) extras: Option<Box<Extras>>,
}

/// What few nodes have.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// Predicates of an expression that is no step.
    pub(crate) predicates: Vec<Stage>,
    /// Predicates and index variables of a step.
    pub(crate) stages: Vec<Stage>,
    pub(crate) group: Option<Group>,
    pub(crate) focus: Option<Sym>,
    pub(crate) index: Option<Sym>,
    pub(crate) ancestor: Option<Slot>,
    /// The step carries variables on.
    pub(crate) tuple: bool,
    /// An array constructor that ends or begins a path.
    pub(crate) cons: bool,
    /// While resolving: the parents still looked for.
    pub(crate) seeking: Vec<Slot>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Filter(Node),
    Index(Sym),
}

/// Pairs of key and value expressions.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) pairs: Vec<(Node, Node)>,
    pub(crate) position: u32,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Value),
    Name(Str),
    Variable(Sym),
    Context,
    Wildcard,
    Descendant,
    Parent(Slot),
    Path(Box<Path>),
    Chain(Box<Chain>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Range(Box<(Node, Node)>),
    Object(Box<Group>),
    Sort(Vec<Term>),
    Condition(Box<Condition>),
    Block { items: Vec<Node>, scoped: bool },
    Bind(Sym, Box<Node>),
    Regex(Arc<Matcher>),
    Call(Box<Call>),
    Partial(Box<Call>),
    Lambda(Arc<Lambda>),
    Apply(Box<(Node, Node)>),
    Transform(Arc<Transform>),
}

#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Node>,
    pub(crate) keep_singleton: bool,
    /// Nothing but names, after at most a variable: members can be followed without making sequences.
    pub(crate) plain: bool,
}

/// Operators of one precedence, applied from left to right.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) first: Node,
    pub(crate) rest: Vec<Link>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) op: Op,
    pub(crate) position: u32,
    pub(crate) rhs: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Concat,
    And,
    Or,
    In,
}

impl Op {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Concat => "&",
            Self::And => "and",
            Self::Or => "or",
            Self::In => "in",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) descending: bool,
    pub(crate) expression: Node,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) condition: Node,
    pub(crate) then: Node,
    pub(crate) otherwise: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) procedure: Node,
    /// `None` is the `?` of a partial application.
    pub(crate) arguments: Vec<Option<Node>>,
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) parameters: Vec<Sym>,
    pub(crate) signature: Option<Signature>,
    pub(crate) body: Node,
}

#[derive(Debug)]
pub(crate) struct Transform {
    pub(crate) pattern: Node,
    pub(crate) update: Node,
    pub(crate) delete: Option<Node>,
}

impl Node {
    pub(crate) const fn new(kind: Kind, position: u32) -> Self {
        Self { kind, position, keep_array: false, extras: None }
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(crate) fn has(&self, test: impl Fn(&Extras) -> bool) -> bool {
        self.extras.as_deref().is_some_and(test)
    }

    /// The name that calling this shows in messages.
    pub(crate) fn called<'a>(&'a self, names: &'a [Str]) -> Option<&'a str> {
        match &self.kind {
            Kind::Path(path) => path.steps.first().and_then(|step| step.called(names)),
            Kind::Name(name) => Some(name),
            Kind::Variable(sym) => names.get(*sym as usize).map(|name| &**name),
            _ => None,
        }
    }
}

impl Extras {
    pub(crate) fn is_default(&self) -> bool {
        self.predicates.is_empty()
            && self.stages.is_empty()
            && self.group.is_none()
            && self.focus.is_none()
            && self.index.is_none()
            && self.ancestor.is_none()
            && !self.tuple
            && !self.cons
            && self.seeking.is_empty()
    }
}

impl Node {
    /// Calls `visit` for every expression directly inside this one.
    pub(crate) fn each_child(&mut self, visit: &mut impl FnMut(&mut Self)) {
        if let Some(extras) = &mut self.extras {
            for stage in extras.predicates.iter_mut().chain(&mut extras.stages) {
                if let Stage::Filter(predicate) = stage {
                    visit(predicate);
                }
            }
            if let Some(group) = &mut extras.group {
                group.each_child(visit);
            }
        }
        match &mut self.kind {
            Kind::Literal(_)
            | Kind::Name(_)
            | Kind::Variable(_)
            | Kind::Context
            | Kind::Wildcard
            | Kind::Descendant
            | Kind::Parent(_)
            | Kind::Regex(_) => {}
            Kind::Path(path) => path.steps.iter_mut().for_each(visit),
            Kind::Chain(chain) => {
                visit(&mut chain.first);
                chain.rest.iter_mut().for_each(|link| visit(&mut link.rhs));
            }
            Kind::Negate(operand) | Kind::Bind(_, operand) => visit(operand),
            Kind::Array(items) | Kind::Block { items, .. } => items.iter_mut().for_each(visit),
            Kind::Range(pair) | Kind::Apply(pair) => {
                visit(&mut pair.0);
                visit(&mut pair.1);
            }
            Kind::Object(group) => group.each_child(visit),
            Kind::Sort(terms) => terms.iter_mut().for_each(|term| visit(&mut term.expression)),
            Kind::Condition(condition) => {
                visit(&mut condition.condition);
                visit(&mut condition.then);
                condition.otherwise.iter_mut().for_each(visit);
            }
            Kind::Call(call) | Kind::Partial(call) => {
                visit(&mut call.procedure);
                call.arguments.iter_mut().flatten().for_each(visit);
            }
            // Nothing else holds these yet: the expression is still being compiled.
            Kind::Lambda(lambda) => {
                if let Some(lambda) = Arc::get_mut(lambda) {
                    visit(&mut lambda.body);
                }
            }
            Kind::Transform(transform) => {
                if let Some(transform) = Arc::get_mut(transform) {
                    visit(&mut transform.pattern);
                    visit(&mut transform.update);
                    transform.delete.iter_mut().for_each(visit);
                }
            }
        }
    }
}

impl Group {
    fn each_child(&mut self, visit: &mut impl FnMut(&mut Node)) {
        for (name, value) in &mut self.pairs {
            visit(name);
            visit(value);
        }
    }
}
