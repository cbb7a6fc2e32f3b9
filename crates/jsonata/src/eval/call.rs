//! Calling functions.

use std::rc::Rc;
use std::sync::Arc;

use super::{Env, Evaluator};
use crate::EvalError;
use crate::function::Function;
use crate::functions::{self, Arguments};
use crate::item::Item;
use crate::node::{Call, Kind, Lambda, Node};

/// How the body of a function ends: with a value, or with one more call, which then takes no stack.
enum Ending {
    Value(Item),
    Call { function: Rc<Function>, arguments: Vec<Item>, position: u32, name: Option<Box<str>> },
}

impl Evaluator<'_> {
    #[inline(never)]
    pub(super) fn eval_call(
        &mut self,
        call: &Call,
        position: u32,
        first: Option<Item>,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let (function, arguments) = self.prepare(call, position, first, input, env)?;
        // Evaluating the call's node has counted the level.
        self.call_here(&function, arguments, input).map_err(|error| self.placed(error, call, position))
    }

    /// The function that a call means and its arguments.
    #[inline(never)]
    fn prepare(
        &mut self,
        call: &Call,
        position: u32,
        first: Option<Item>,
        input: &Item,
        env: Env,
    ) -> Result<(Rc<Function>, Vec<Item>), EvalError> {
        let procedure = self.eval(&call.procedure, input, env)?;
        if procedure.is_undefined()
            && let Some(error) = self.meant_variable(call, position, "T1005", env)
        {
            return Err(error);
        }
        let mut arguments = Vec::with_capacity(call.arguments.len() + usize::from(first.is_some()));
        arguments.extend(first);
        for argument in call.arguments.iter().flatten() {
            arguments.push(self.eval(argument, input, env)?);
        }
        match procedure {
            Item::Function(function) => Ok((function, arguments)),
            _ => Err(self.placed(EvalError::new("T1006"), call, position)),
        }
    }

    /// The error for `name(…)` where `$name(…)` was meant.
    #[inline(never)]
    fn meant_variable(
        &mut self,
        call: &Call,
        position: u32,
        code: &'static str,
        env: Env,
    ) -> Option<EvalError> {
        let Kind::Path(path) = &call.procedure.kind else { return None };
        let Kind::Name(name) = &path.steps.first()?.kind else { return None };
        let sym = self.program.names.iter().position(|known| known == name);
        let known = match sym {
            Some(sym) => {
                let sym = u32::try_from(sym).ok()?;
                super::operator::is_truthy(self.lookup(sym, env))
            }
            None => functions::find(name).is_some() || self.bindings.get(name).is_some(),
        };
        known.then(|| EvalError::new(code).at(position).with_token(Arc::clone(name)))
    }

    fn placed(&self, error: EvalError, call: &Call, position: u32) -> EvalError {
        match call.procedure.called(&self.program.names) {
            Some(name) => error.or_at(position, name),
            None => error,
        }
    }

    /// Calls a function. `context` is what takes the place of a missing first argument where the signature allows it.
    pub(crate) fn call(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Item>,
        context: &Item,
    ) -> Result<Item, EvalError> {
        self.deeper(|this| this.call_here(function, arguments, context))
    }

    #[inline(never)]
    fn call_here(
        &mut self,
        function: &Rc<Function>,
        mut arguments: Vec<Item>,
        context: &Item,
    ) -> Result<Item, EvalError> {
        let mut function = Rc::clone(function);
        let mut caller: Option<(u32, Option<Box<str>>)> = None;
        loop {
            self.budget.charge_steps(1)?;
            let ending = self.call_once(&function, arguments, context).map_err(|error| match &caller {
                Some((position, Some(name))) => error.or_at(*position, name),
                _ => error,
            })?;
            match ending {
                Ending::Value(item) => return Ok(item),
                Ending::Call { function: next, arguments: more, position, name } => {
                    function = next;
                    arguments = more;
                    caller = Some((position, name));
                }
            }
        }
    }

    #[inline(never)]
    fn call_once(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Item>,
        context: &Item,
    ) -> Result<Ending, EvalError> {
        match &**function {
            Function::Lambda { lambda, input, env, .. } => {
                let arguments = match &lambda.signature {
                    Some(signature) => signature.check(arguments, context, &mut self.budget)?,
                    None => arguments,
                };
                self.call_lambda(lambda, input, *env, arguments)
            }
            Function::Native(native) => {
                let arguments = native.signature.check(arguments, context, &mut self.budget)?;
                (native.run)(self, Arguments::new(arguments)).map(Ending::Value)
            }
            Function::Partial { target, arguments: given, .. } => {
                let mut rest = arguments.into_iter();
                let all = given
                    .iter()
                    .map(|given| given.clone().or_else(|| rest.next()).unwrap_or(Item::Undefined))
                    .collect();
                self.call_unchecked(target, all)
            }
            Function::Composed { first, then, .. } => {
                let argument = arguments.into_iter().next().unwrap_or(Item::Undefined);
                let between = self.call(first, vec![argument], &Item::Undefined)?;
                Ok(Ending::Call {
                    function: Rc::clone(then),
                    arguments: vec![between],
                    position: 0,
                    name: None,
                })
            }
            Function::Regex(matcher) => functions::regex_match(self, matcher, &arguments).map(Ending::Value),
            Function::NextMatch { matcher, text, from } => {
                functions::next_match(self, matcher, text, *from).map(Ending::Value)
            }
            Function::Transform { transform, env } => {
                let argument = arguments.into_iter().next().unwrap_or(Item::Undefined);
                self.transform(transform, argument, *env).map(Ending::Value)
            }
        }
    }

    /// Calls what was partially applied, which forgets its signature.
    fn call_unchecked(&mut self, function: &Rc<Function>, arguments: Vec<Item>) -> Result<Ending, EvalError> {
        match &**function {
            Function::Lambda { lambda, input, env, .. } => self.call_lambda(lambda, input, *env, arguments),
            Function::Native(native) => (native.run)(self, Arguments::new(arguments)).map(Ending::Value),
            _ => self.call(function, arguments, &Item::Undefined).map(Ending::Value),
        }
    }

    #[inline(never)]
    fn call_lambda(
        &mut self,
        lambda: &Lambda,
        input: &Item,
        env: Env,
        arguments: Vec<Item>,
    ) -> Result<Ending, EvalError> {
        let inner = self.enter(env);
        let mut arguments = arguments.into_iter();
        for parameter in &lambda.parameters {
            self.bind(inner, *parameter, arguments.next().unwrap_or(Item::Undefined));
        }
        let ending = self.eval_body(&lambda.body, input, inner)?;
        self.leave(inner);
        Ok(ending)
    }

    /// Evaluates what a function returns. A call in tail position is prepared and left to the caller's loop.
    #[inline(never)]
    fn eval_body(&mut self, node: &Node, input: &Item, env: Env) -> Result<Ending, EvalError> {
        let plain = node.extras.as_ref().is_none_or(|extras| extras.is_default()) && !node.keep_array;
        match &node.kind {
            Kind::Call(call) if plain => {
                self.budget.charge_steps(1)?;
                let (function, arguments) = self.prepare(call, node.position, None, input, env)?;
                let name = call.procedure.called(&self.program.names).map(Into::into);
                Ok(Ending::Call { function, arguments, position: node.position, name })
            }
            Kind::Condition(condition) if plain => {
                self.budget.charge_steps(1)?;
                let test = self.eval(&condition.condition, input, env)?;
                if test.truth(&mut self.budget)? {
                    return self.deeper(|this| this.eval_body(&condition.then, input, env));
                }
                match &condition.otherwise {
                    Some(otherwise) => self.deeper(|this| this.eval_body(otherwise, input, env)),
                    None => Ok(Ending::Value(Item::Undefined)),
                }
            }
            Kind::Block { items, scoped } if plain && !items.is_empty() => {
                self.budget.charge_steps(1)?;
                let inner = if *scoped { self.enter(env) } else { env };
                let (last, before) = (&items[items.len() - 1], &items[..items.len() - 1]);
                for item in before {
                    self.eval(item, input, inner)?;
                }
                let ending = self.deeper(|this| this.eval_body(last, input, inner))?;
                if *scoped {
                    self.leave(inner);
                }
                Ok(ending)
            }
            _ => self.eval(node, input, env).map(Ending::Value),
        }
    }

    #[inline(never)]
    pub(super) fn eval_partial(
        &mut self,
        call: &Call,
        position: u32,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(match argument {
                Some(argument) => Some(self.eval(argument, input, env)?),
                None => None,
            });
        }
        match self.eval(&call.procedure, input, env)? {
            Item::Function(target) => {
                // What isn't mentioned is given as missing.
                let declared = target.arity().max(arguments.len());
                arguments.resize_with(declared, || Some(Item::Undefined));
                self.budget.charge_bytes(64 + arguments.len() * 32)?;
                Function::partial(target, arguments).map(Item::function)
            }
            procedure => {
                let meant =
                    procedure.is_undefined().then(|| self.meant_variable(call, position, "T1007", env));
                Err(meant
                    .flatten()
                    .unwrap_or_else(|| self.placed(EvalError::new("T1008"), call, position).at(position)))
            }
        }
    }

    #[inline(never)]
    pub(super) fn eval_apply(
        &mut self,
        left: &Node,
        right: &Node,
        position: u32,
        input: &Item,
        env: Env,
    ) -> Result<Item, EvalError> {
        let argument = self.eval(left, input, env)?;
        if let Kind::Call(call) = &right.kind {
            return self.eval_call(call, right.position, Some(argument), input, env);
        }
        let Item::Function(function) = self.eval(right, input, env)? else {
            return Err(EvalError::new("T2006").at(position).with_token("~>"));
        };
        match argument {
            Item::Function(first) => {
                self.budget.charge_bytes(64)?;
                Function::composed(first, function).map(Item::function)
            }
            argument => self.call(&function, vec![argument], &Item::Value(newel_value::Value::Null)),
        }
    }
}
