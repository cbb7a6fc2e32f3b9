//! Evaluates a compiled expression.
//!
//! Evaluating recurses, so what a level takes of the stack counts: what a kind of node needs is in a function of its own that
//! isn't inlined, so that only the kinds that are being evaluated have their frames there.

mod call;
mod group;
mod operator;
mod path;
mod sort;
mod transform;

use std::rc::Rc;
use std::sync::Arc;

use newel_value::Value;

use crate::budget::Budget;
use crate::error::OVER_DEPTH;
use crate::function::Function;
use crate::functions;
use crate::item::{Flags, Item, List, Tuple};
use crate::node::{Extras, Kind, Node, Program, Stage, Sym};
use crate::{Bindings, EvalError, World};

pub(crate) use operator::{compare_text, is_truthy};
pub(crate) use sort::merge_sort;

/// A set of variables, as its place in [`Evaluator::frames`].
pub(crate) type Env = u32;

const ROOT: Env = 0;

struct Frame {
    parent: Option<Env>,
    /// A function that outlives the frame's block refers to it: it stays until the evaluation ends.
    captured: bool,
    variables: Vec<(Sym, Item)>,
}

/// One evaluation.
pub(crate) struct Evaluator<'e> {
    pub(crate) program: &'e Program,
    pub(crate) budget: Budget,
    pub(crate) world: &'e mut dyn World,
    bindings: &'e Bindings,
    input: Item,
    frames: Vec<Frame>,
    free: Vec<Env>,
    /// What the names mean that nothing in the expression binds, once looked up.
    globals: Vec<Option<Item>>,
    depth: u32,
    now: Option<i64>,
}

impl<'e> Evaluator<'e> {
    pub(crate) fn new(
        program: &'e Program,
        input: Option<&Value>,
        bindings: &'e Bindings,
        budget: Budget,
        world: &'e mut dyn World,
    ) -> Self {
        Self {
            program,
            budget,
            world,
            bindings,
            input: input.map_or(Item::Undefined, |input| Item::Value(input.clone())),
            frames: vec![Frame { parent: None, captured: true, variables: Vec::new() }],
            free: Vec::new(),
            globals: vec![None; program.names.len()],
            depth: 0,
            now: None,
        }
    }

    pub(crate) fn run(&mut self) -> Result<Item, EvalError> {
        let mut input = self.input.clone();
        if input.is_array() {
            input = Item::list(vec![input], Flags::OUTER, &mut self.budget)?;
        }
        self.eval(&self.program.root, &input, ROOT)
    }

    /// The time of this evaluation, in milliseconds since 1970.
    pub(crate) fn now(&mut self) -> i64 {
        *self.now.get_or_insert_with(|| self.world.now_millis())
    }

    // ---- variables

    pub(crate) fn enter(&mut self, parent: Env) -> Env {
        if let Some(env) = self.free.pop() {
            self.frames[env as usize].parent = Some(parent);
            return env;
        }
        self.frames.push(Frame { parent: Some(parent), captured: false, variables: Vec::new() });
        Env::try_from(self.frames.len() - 1).unwrap_or(ROOT)
    }

    pub(crate) fn leave(&mut self, env: Env) {
        let frame = &mut self.frames[env as usize];
        if !frame.captured {
            frame.variables.clear();
            self.free.push(env);
        }
    }

    /// Variables of a tuple on top of others.
    fn enter_tuple(&mut self, parent: Env, tuple: &Tuple) -> Result<Env, EvalError> {
        self.budget.charge_steps(1 + tuple.variables.len() / 4)?;
        let env = self.enter(parent);
        self.frames[env as usize].variables.extend_from_slice(&tuple.variables);
        Ok(env)
    }

    pub(crate) fn bind(&mut self, env: Env, sym: Sym, item: Item) {
        let variables = &mut self.frames[env as usize].variables;
        match variables.iter_mut().find(|(name, _)| *name == sym) {
            Some((_, old)) => *old = item,
            None => variables.push((sym, item)),
        }
    }

    /// Keeps a set of variables, and those around it, to the end of the evaluation.
    fn capture(&mut self, env: Env) -> Result<(), EvalError> {
        const FRAME_BYTES: usize = 64;
        let mut next = Some(env);
        while let Some(env) = next {
            let frame = &mut self.frames[env as usize];
            if frame.captured {
                break;
            }
            frame.captured = true;
            next = frame.parent;
            let bytes = FRAME_BYTES + frame.variables.capacity().max(4) * 32;
            self.budget.charge_bytes(bytes)?;
        }
        Ok(())
    }

    pub(crate) fn lookup(&mut self, sym: Sym, env: Env) -> &Item {
        if self.program.bound[sym as usize] {
            let mut next = Some(env);
            let mut found = None;
            while let Some(env) = next {
                let frame = &self.frames[env as usize];
                if let Some(at) = frame.variables.iter().position(|(name, _)| *name == sym) {
                    found = Some((env, at));
                    break;
                }
                next = frame.parent;
            }
            if let Some((env, at)) = found {
                return &self.frames[env as usize].variables[at].1;
            }
        }
        self.global(sym)
    }

    fn global(&mut self, sym: Sym) -> &Item {
        let index = sym as usize;
        if self.globals[index].is_none() {
            let name = &self.program.names[index];
            let item = if sym == self.program.root_input {
                self.input.clone()
            } else if let Some(value) = self.bindings.get(name) {
                Item::Value(value.clone())
            } else {
                functions::find(name)
                    .map_or(Item::Undefined, |native| Item::function(Function::Native(native)))
            };
            self.globals[index] = Some(item);
        }
        self.globals[index].as_ref().unwrap_or(&Item::Undefined)
    }

    // ---- expressions

    pub(crate) fn eval(&mut self, node: &Node, input: &Item, env: Env) -> Result<Item, EvalError> {
        self.budget.charge_steps(1)?;
        let result = match &node.kind {
            Kind::Literal(value) => Item::Value(value.clone()),
            Kind::Variable(sym) => self.lookup(*sym, env).clone(),
            Kind::Context => context(input),
            Kind::Name(name) => input.lookup(name, &mut self.budget)?,
            Kind::Path(path) => {
                if path.plain
                    && let Some(found) = self.follow(path, input, env)?
                {
                    return Ok(found);
                }
                return self.deeper(|this| this.eval_path(path, node, input, env));
            }
            _ => self.deeper(|this| this.eval_kind(node, input, env))?,
        };
        match &node.extras {
            None => self.collapse(result, node.keep_array),
            Some(extras) => self.eval_extras(node, extras, result, env),
        }
    }

    /// Evaluates one level further down.
    pub(crate) fn deeper<T>(
        &mut self,
        evaluate: impl FnOnce(&mut Self) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        if self.depth >= self.budget.depth {
            return Err(EvalError::over(OVER_DEPTH));
        }
        self.depth += 1;
        let result = evaluate(self);
        self.depth -= 1;
        result
    }

    fn eval_kind(&mut self, node: &Node, input: &Item, env: Env) -> Result<Item, EvalError> {
        match &node.kind {
            Kind::Chain(chain) => self.eval_chain(chain, input, env),
            Kind::Condition(condition) => {
                let test = self.eval(&condition.condition, input, env)?;
                if test.truth(&mut self.budget)? {
                    return self.eval(&condition.then, input, env);
                }
                match &condition.otherwise {
                    Some(otherwise) => self.eval(otherwise, input, env),
                    None => Ok(Item::Undefined),
                }
            }
            Kind::Call(call) => self.eval_call(call, node.position, None, input, env),
            Kind::Block { items, scoped } => self.eval_block(items, *scoped, input, env),
            Kind::Object(group) => self.eval_group(group, input, env),
            Kind::Array(items) => self.eval_array(node, items, input, env),
            Kind::Bind(sym, value) => {
                let value = self.eval(value, input, env)?;
                self.bind(env, *sym, value.clone());
                Ok(value)
            }
            Kind::Lambda(lambda) => {
                self.capture(env)?;
                self.budget.charge_bytes(96)?;
                let depth = crate::item::function_depth(std::iter::once(input))?;
                let lambda = Arc::clone(lambda);
                Ok(Item::function(Function::Lambda { lambda, input: input.clone(), env, depth }))
            }
            Kind::Range(range) => self.eval_range(&range.0, &range.1, node.position, input, env),
            Kind::Negate(operand) => self.eval_negate(operand, node.position, input, env),
            Kind::Wildcard => self.eval_wildcard(input),
            Kind::Descendant => self.eval_descendants(input),
            Kind::Parent(slot) => Ok(self.lookup(self.program.labels[*slot], env).clone()),
            Kind::Regex(matcher) => Ok(Item::function(Function::Regex(Arc::clone(matcher)))),
            Kind::Partial(call) => self.eval_partial(call, node.position, input, env),
            Kind::Apply(sides) => self.eval_apply(&sides.0, &sides.1, node.position, input, env),
            Kind::Transform(transform) => {
                self.capture(env)?;
                Ok(Item::function(Function::Transform { transform: Arc::clone(transform), env }))
            }
            Kind::Sort(_)
            | Kind::Literal(_)
            | Kind::Variable(_)
            | Kind::Context
            | Kind::Name(_)
            | Kind::Path(_) => Ok(Item::Undefined),
        }
    }

    #[inline(never)]
    fn eval_block(
        &mut self,
        items: &[Node],
        scoped: bool,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let inner = if scoped { self.enter(env) } else { env };
        let mut result = Item::Undefined;
        for item in items {
            result = self.eval(item, input, inner)?;
        }
        if scoped {
            self.leave(inner);
        }
        Ok(result)
    }

    #[inline(never)]
    fn eval_array(&mut self, node: &Node, items: &[Node], input: &Item, env: Env) -> Result<Item, EvalError> {
        let mut result = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(item, input, env)?;
            if value.is_undefined() {
                continue;
            }
            if value.is_array() && !matches!(item.kind, Kind::Array(_)) {
                // The only part of the array: take it over instead of copying it.
                if items.len() == 1
                    && let Item::List(list) = value
                {
                    result = match Rc::try_unwrap(list) {
                        Ok(list) => list.items,
                        Err(list) => list.items.clone(),
                    };
                    continue;
                }
                crate::item::push_all(&value, &mut result, &mut self.budget)?;
            } else {
                result.push(value);
            }
        }
        let cons = node.has(|extras| extras.cons);
        Item::list(result, if cons { Flags::CONS } else { Flags::PLAIN }, &mut self.budget)
    }

    /// Predicates and grouping of an expression that is no path.
    #[inline(never)]
    fn eval_extras(
        &mut self,
        node: &Node,
        extras: &Extras,
        mut result: Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        for stage in &extras.predicates {
            if let Stage::Filter(predicate) = stage {
                result = self.deeper(|this| this.filter(predicate, &result, env))?;
            }
        }
        if let Some(group) = &extras.group {
            result = self.deeper(|this| this.eval_group(group, &result, env))?;
        }
        self.collapse(result, node.keep_array)
    }

    /// A sequence of one item becomes that item unless it shall stay an array, an empty one nothing.
    #[inline(never)]
    pub(crate) fn collapse(&mut self, result: Item, keep_array: bool) -> Result<Item, EvalError> {
        let Item::List(list) = &result else { return Ok(result) };
        if !list.flags.contains(Flags::SEQUENCE) {
            return Ok(result);
        }
        let keep = keep_array || list.flags.contains(Flags::KEEP);
        match list.items.as_slice() {
            [] => Ok(Item::Undefined),
            [only] if !keep => Ok(only.clone()),
            items if keep_array && !list.flags.contains(Flags::KEEP) => {
                Item::list(items.to_vec(), Flags::KEEP, &mut self.budget)
            }
            _ => Ok(result),
        }
    }
}

/// What `$` is: the input, without what was put around an array.
fn context(input: &Item) -> Item {
    match input {
        Item::List(list) if list.flags == Flags::OUTER => {
            list.items.first().cloned().unwrap_or(Item::Undefined)
        }
        other => other.clone(),
    }
}

/// The elements of a list, taken over where nothing else has it.
pub(crate) fn into_items(list: Rc<List>) -> Vec<Item> {
    match Rc::try_unwrap(list) {
        Ok(list) => list.items,
        Err(shared) => shared.items.clone(),
    }
}
