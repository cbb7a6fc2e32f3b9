//! Functions as values.

use std::rc::Rc;
use std::sync::Arc;

use newel_value::Str;

use crate::EvalError;
use crate::eval::{Env, Evaluator};
use crate::functions::Arguments;
use crate::item::{Item, function_depth};
use crate::matcher::Matcher;
use crate::node::{Lambda, Transform};
use crate::signature::Signature;

/// Anything that can be called.
pub(crate) enum Function {
    /// A function of the expression, with the context and the variables it was made under.
    Lambda { lambda: Arc<Lambda>, input: Item, env: Env, depth: u16 },
    /// A function that comes with the language.
    Native(&'static Native),
    /// A function with some of its arguments given.
    Partial { target: Rc<Self>, arguments: Vec<Option<Item>>, depth: u16 },
    /// `first ~> then`
    Composed { first: Rc<Self>, then: Rc<Self>, depth: u16 },
    /// A regular expression: gives the first match in a text.
    Regex(Arc<Matcher>),
    /// What gives the match after a match.
    NextMatch { matcher: Arc<Matcher>, text: Str, from: usize },
    /// `| … | … |`
    Transform { transform: Arc<Transform>, env: Env },
}

impl Function {
    pub(crate) fn partial(target: Rc<Self>, arguments: Vec<Option<Item>>) -> Result<Self, EvalError> {
        let inner = function_depth(arguments.iter().flatten())?.max(target.depth() + 1);
        let depth = function_depth(std::iter::once(&Item::Function(Rc::clone(&target))))?.max(inner);
        Ok(Self::Partial { target, arguments, depth })
    }

    pub(crate) fn composed(first: Rc<Self>, then: Rc<Self>) -> Result<Self, EvalError> {
        let parts = [Item::Function(Rc::clone(&first)), Item::Function(Rc::clone(&then))];
        let depth = function_depth(parts.iter())?;
        Ok(Self::Composed { first, then, depth })
    }

    /// How deep dropping it recurses.
    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::Lambda { depth, .. } | Self::Partial { depth, .. } | Self::Composed { depth, .. } => *depth,
            Self::Native(_) | Self::Regex(_) | Self::NextMatch { .. } | Self::Transform { .. } => 1,
        }
    }

    /// How many arguments it declares, which decides how many a function such as `$map` passes.
    pub(crate) fn arity(&self) -> usize {
        match self {
            Self::Lambda { lambda, .. } => lambda.parameters.len(),
            Self::Native(native) => native.arity,
            Self::Partial { arguments, .. } => arguments.iter().filter(|argument| argument.is_none()).count(),
            Self::Composed { .. } | Self::Transform { .. } => 1,
            Self::Regex(_) => 2,
            Self::NextMatch { .. } => 0,
        }
    }

    /// Whether it counts as true. The reference implementation takes functions for objects there, except regular
    /// expressions.
    pub(crate) const fn is_truthy(&self) -> bool {
        !matches!(self, Self::Regex(_) | Self::NextMatch { .. })
    }
}

/// A function of the language as the table has it: name, signature, arity, and what it does.
pub(crate) type Row = (&'static str, &'static str, usize, Run);

pub(crate) type Run = fn(&mut Evaluator<'_>, Arguments) -> Result<Item, EvalError>;

/// A function of the language.
pub(crate) struct Native {
    pub(crate) signature: Signature,
    pub(crate) arity: usize,
    pub(crate) run: Run,
}

impl Native {
    /// None if the signature doesn't parse.
    pub(crate) fn new((_, signature, arity, run): &Row) -> Option<Self> {
        Some(Self { signature: Signature::parse(signature, 0).ok()?, arity: *arity, run: *run })
    }
}
