//! The way in.

use std::fmt;
use std::sync::Arc;

use newel_value::{Str, Value};

use crate::eval::Evaluator;
use crate::item::Item;
use crate::node::Program;
use crate::{Bindings, Budget, EvalError, ParseError, context, functions, parse, resolve};

/// A compiled expression. Cloning copies a pointer.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: Str,
    program: Program,
    references: Vec<Reference>,
}

/// A place where an expression reads a variable that it doesn't set itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The variable, without its `$`. Names of functions appear too: see [`is_function_name`].
    pub name: Str,
    /// The members that are read straight from it: `input` and `a` in `$states.input.a[0].b`.
    pub members: Vec<Str>,
    /// The byte of the source where its `$` is.
    pub position: usize,
}

/// Whether the language has a function of that name, given without the `$`.
#[must_use]
pub fn is_function_name(name: &str) -> bool {
    functions::find(name).is_some()
}

/// What an expression gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing: JSONata's undefined.
    Nothing,
    /// JSON.
    Value(Value),
    /// A function or a regular expression, which is no JSON. One inside an array is `null`, in an object it is left out.
    Function,
}

/// What evaluating takes from outside.
pub trait World {
    /// The time, in milliseconds since 1970-01-01T00:00:00Z. Asked for once an evaluation at most.
    fn now_millis(&mut self) -> i64;
    /// A random number, at least 0 and below 1.
    fn random(&mut self) -> f64;
    /// A random UUID (version 4) in lower case.
    fn uuid(&mut self) -> String;
}

impl Expression {
    /// Compiles an expression, its regular expressions included.
    ///
    /// # Errors
    /// [`ParseError`] if it doesn't parse, or exceeds [`crate::MAX_SOURCE`], [`crate::MAX_NODES`],
    /// [`crate::MAX_NESTING`] or [`crate::MAX_PATTERNS`].
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let (program, references) = resolve::resolve(parse::parse(source)?)?;
        Ok(Self(Arc::new(Compiled { source: source.into(), program, references })))
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Every read of a variable that the expression doesn't set before, in the order of the source.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// What the expression reads of its input, each once, in the order of the source: names that begin a path, `$`, `*` and
    /// `**` in such a place, and `$$` anywhere. Nothing means that it can be evaluated without an input.
    #[must_use]
    pub fn input_references(&self) -> Vec<Str> {
        context::input_references(&self.0.program)
    }

    /// Evaluates the expression on an input, or on none. `budget` is left with what wasn't spent.
    ///
    /// # Errors
    /// [`EvalError`] with JSONata's code, or `U1001` if the budget doesn't suffice.
    pub fn evaluate(
        &self,
        input: Option<&Value>,
        bindings: &Bindings,
        budget: &mut Budget,
        world: &mut dyn World,
    ) -> Result<Outcome, EvalError> {
        let mut evaluator = Evaluator::new(&self.0.program, input, bindings, budget.clone(), world);
        let result = evaluator.run().and_then(|item| outcome(item, &mut evaluator.budget));
        *budget = evaluator.budget;
        result
    }
}

fn outcome(item: Item, budget: &mut Budget) -> Result<Outcome, EvalError> {
    match item {
        Item::Undefined => Ok(Outcome::Nothing),
        Item::Function(_) => Ok(Outcome::Function),
        Item::Number(number) if !number.is_finite() => {
            Err(EvalError::new("D1001").with_value(Some(Value::Null)))
        }
        item => item.into_value(budget).map(Outcome::Value),
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}
