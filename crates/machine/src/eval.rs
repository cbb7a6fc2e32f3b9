//! Paths, payload templates and the context object.

use std::cell::{OnceCell, RefCell};

use newel_asl::plan::{DataPath, Expression, Query, ResultPath, Template, TemplateMember};
use newel_asl::timestamp::Timestamp;
use newel_jsonpath::{JsonPath, QueryError};
use newel_value::{Object, ObjectBuilder, Str, Value};

use crate::execution::{Frame, Info, Phase};
use crate::fault::EvalError;
use crate::frames::Frames;
use crate::intrinsic;
use crate::map_run::Item;
use crate::transition::Extra;

/// A value, or why there is none.
pub(crate) type EvalResult<T> = Result<T, EvalError>;

/// The data that an expression works on.
#[derive(Clone, Copy)]
pub(crate) struct Data<'a> {
    /// `$`, or `$states.input`
    pub(crate) input: &'a Value,
    /// `$states.result`
    pub(crate) result: Option<&'a Value>,
    /// `$states.errorOutput`
    pub(crate) error_output: Option<&'a Value>,
}

impl<'a> Data<'a> {
    /// Nothing but an input.
    pub(crate) const fn input(input: &'a Value) -> Self {
        Self { input, result: None, error_output: None }
    }
}

/// What an expression may refer to.
pub(crate) struct Scope<'a> {
    /// What it works on.
    pub(crate) data: Data<'a>,
    /// `$$`
    pub(crate) context: &'a Context<'a>,
    /// Where `$name` is looked up.
    pub(crate) frames: &'a Frames,
    /// The frame whose variables are seen first.
    pub(crate) frame: &'a Frame,
    /// Randomness for `States.UUID` and `States.MathRandom`, `$uuid` and `$random`.
    pub(crate) random: &'a dyn Fn() -> u64,
    /// What time it is for `$now` and `$millis`.
    pub(crate) now: Timestamp,
    /// What all JSONata of this scope may still cost.
    pub(crate) budget: RefCell<newel_jsonata::Budget>,
}

/// A place that an expression pointed to in vain, or another fault.
pub(crate) enum Miss {
    /// The path found nothing.
    Path(QueryError),
    /// Something else went wrong.
    Other(EvalError),
}

impl<'a> Scope<'a> {
    /// The value of a query; a path that finds nothing is a [`Miss::Path`].
    pub(crate) fn query(&self, query: &Query) -> Result<Value, Miss> {
        match query {
            Query::Input(path) => self.path(path, self.data.input),
            Query::Context(path) => self.path(path, self.context.value()),
            Query::Variable(name, path) => match self.variable(name) {
                Some(value) => self.path(path, value),
                None => Err(Miss::Other(EvalError::runtime(format!(
                    "The variable '{name}' referenced by the expression is not defined"
                )))),
            },
            Query::Intrinsic(call) => intrinsic::call(self, call).map_err(Miss::Other),
        }
    }

    fn path(&self, path: &JsonPath, root: &Value) -> Result<Value, Miss> {
        if path.is_root() {
            return Ok(root.clone());
        }
        path.query(root).map_err(Miss::Path)
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&'a Value> {
        let mut frame = self.frame;
        loop {
            if let Some(value) = frame.variables.get(name) {
                return Some(value);
            }
            frame = self.frames.get(frame.parent.as_deref()?)?;
        }
    }

    /// The value of an expression that stands for a whole field such as `InputPath`.
    pub(crate) fn expression(&self, expression: &Expression) -> Result<Value, EvalError> {
        self.query(&expression.query).map_err(|miss| miss.invalid_path(&expression.source))
    }

    /// `InputPath`, `OutputPath`.
    pub(crate) fn data(&self, path: &DataPath) -> Result<Value, EvalError> {
        match path {
            DataPath::Whole => Ok(self.data.input.clone()),
            DataPath::Empty => Ok(Value::empty_object()),
            DataPath::Path(query) => self.query(query).map_err(|miss| miss.invalid_path(&source_of(query))),
        }
    }

    /// A payload template.
    pub(crate) fn template(&self, template: &Template) -> Result<Value, EvalError> {
        match template {
            Template::Literal(value) => Ok(value.clone()),
            Template::Jsonata(jsonata) => self.jsonata(jsonata),
            Template::Array(items) => items.iter().map(|item| self.template(item)).collect(),
            Template::Object(members) => {
                let mut object = ObjectBuilder::with_capacity(members.len());
                for (name, member) in members {
                    let value = match member {
                        TemplateMember::Nested(template) => self.template(template)?,
                        TemplateMember::Computed { field, expression } => self.member(field, expression)?,
                    };
                    object.insert(Str::clone(name), value);
                }
                Ok(object.build().into())
            }
        }
    }

    /// A value named by a field, such as `"x.$"` or `ErrorPath`.
    pub(crate) fn member(&self, field: &str, expression: &Expression) -> Result<Value, EvalError> {
        self.query(&expression.query).map_err(|miss| match miss {
            Miss::Path(QueryError::NoResults(_)) => EvalError::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                expression.source,
                self.searched(&expression.query),
            )),
            other => other.invalid_path(&expression.source),
        })
    }

    /// What a query looks in, as far as errors tell.
    pub(crate) fn searched(&self, query: &Query) -> &Value {
        match query {
            Query::Context(_) => self.context.value(),
            Query::Input(_) | Query::Variable(..) | Query::Intrinsic(_) => self.data.input,
        }
    }

    /// `Assign`: names and values, in order.
    pub(crate) fn assignments(&self, assign: &Template) -> Result<Object, EvalError> {
        match self.template(assign)? {
            Value::Object(object) => Ok(object),
            _ => Err(EvalError::runtime("Assign must give an object")),
        }
    }
}

impl Miss {
    /// The error of a field that is a path by itself.
    pub(crate) fn invalid_path(self, source: &str) -> EvalError {
        match self {
            Self::Path(why) => EvalError::invalid_path(source, &why),
            Self::Other(error) => error,
        }
    }
}

/// What a query was written as, as far as it is a path.
pub(crate) fn source_of(query: &Query) -> String {
    match query {
        Query::Input(path) => path.as_str().to_owned(),
        Query::Context(path) => format!("${}", path.as_str()),
        Query::Variable(name, path) => format!("${name}{}", path.as_str().trim_start_matches('$')),
        Query::Intrinsic(call) => call.source.to_string(),
    }
}

/// Puts a result where `ResultPath` says in the state's raw input.
pub(crate) fn put_result(path: &ResultPath, input: &Value, result: Value) -> Result<Value, EvalError> {
    match path {
        ResultPath::Replace => Ok(result),
        ResultPath::Discard => Ok(input.clone()),
        ResultPath::At(reference) => reference.set(input, result).map_err(|why| EvalError {
            error: newel_asl::error::RESULT_PATH_MATCH_FAILURE,
            message: why.to_string(),
            evaluation: None,
        }),
    }
}

/// The context object, made when something first asks for it.
pub(crate) struct Context<'a> {
    info: &'a Info,
    frames: &'a Frames,
    frame: &'a Frame,
    extra: Extra,
    cell: OnceCell<Value>,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(info: &'a Info, frames: &'a Frames, frame: &'a Frame, extra: Extra) -> Self {
        Self { info, frames, frame, extra, cell: OnceCell::new() }
    }

    pub(crate) fn value(&self) -> &Value {
        self.cell.get_or_init(|| match &self.extra.context {
            Some(given) => self.completed(given),
            None => self.build(),
        })
    }

    /// The object that a state under test is given, with the item of an iteration about to begin.
    fn completed(&self, given: &Value) -> Value {
        match (given, &self.extra.item) {
            (Value::Object(given), Some((index, item))) => {
                let mut context = given.to_builder();
                context.insert("Map", map_item(*index, item));
                context.build().into()
            }
            _ => given.clone(),
        }
    }

    fn build(&self) -> Value {
        let text = Value::from;
        // Recorded: the context of an Express execution doesn't speak of redrives.
        let express = self.info.is_express();
        let redrives = i64::try_from(self.extra.redrives.0).unwrap_or(i64::MAX);
        let execution: Object = [
            ("Id", Value::from(Str::clone(&self.info.arn))),
            ("Input", self.info.input.value().clone()),
            ("StartTime", text(self.info.started_at.to_string())),
            ("Name", Value::from(Str::clone(&self.info.name))),
            ("RoleArn", Value::from(Str::clone(&self.info.role_arn))),
        ]
        .into_iter()
        .chain((!express).then(|| ("RedriveCount", Value::from(redrives))))
        .chain(self.extra.redrives.1.map(|at| ("RedriveTime", text(at.to_string()))))
        .collect();
        let machine: Object = [("Id", &self.info.machine_arn), ("Name", &self.info.machine_name)]
            .into_iter()
            .map(|(key, value)| (key, Value::from(Str::clone(value))))
            .collect();
        let mut state = ObjectBuilder::with_capacity(3);
        state.insert("Name", Str::clone(&self.frame.state));
        state.insert("EnteredTime", text(self.frame.entered_at.to_string()));
        if self.extra.retries {
            state.insert("RetryCount", i64::from(self.frame.retries.iter().sum::<u32>()));
        }
        let mut context = ObjectBuilder::with_capacity(5);
        context.insert("Execution", execution).insert("StateMachine", machine).insert("State", state.build());
        if let Some(token) = &self.extra.token {
            context.insert("Task", [("Token", Str::clone(token))].into_iter().collect::<Object>());
        }
        if let Some((index, item)) = &self.extra.item {
            context.insert("Map", map_item(*index, item));
        } else if let Some((index, value)) = self.enclosing_item() {
            context.insert("Map", map_item(index, &Item { value, key: None, source: None }));
        }
        context.build().into()
    }

    /// The item of the nearest iteration around the frame.
    fn enclosing_item(&self) -> Option<(u32, Value)> {
        let mut frame = self.frame;
        loop {
            let parent = self.frames.get(frame.parent.as_deref()?)?;
            if let Phase::Map(iterations) = &parent.phase {
                let items = iterations.items.value().as_array()?;
                return items.get(usize::try_from(frame.index).ok()?).map(|item| (frame.index, item.clone()));
            }
            frame = parent;
        }
    }
}

/// `Map` of the context object.
fn map_item(index: u32, item: &Item) -> Object {
    let source = item.source.clone().map_or_else(|| Value::from("STATE_DATA"), Value::from);
    let mut shown = ObjectBuilder::with_capacity(4);
    shown.insert("Index", i64::from(index));
    shown.insert_some("Key", item.key.clone());
    shown.insert("Value", item.value.clone()).insert("Source", source);
    [("Item", shown.build())].into_iter().collect()
}
