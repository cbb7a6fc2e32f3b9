//! JSONata in a state: what its expressions see, and what becomes of what they give.

use newel_asl::plan::Jsonata;
use newel_jsonata::{Bindings, Outcome};
use newel_value::{ObjectBuilder, Str, Value};

use crate::eval::{EvalResult, Scope};
use crate::fault::EvalError;
use crate::intrinsic;
use crate::size;

/// The reserved variable.
const STATES: &str = "states";
/// A value in a message takes no more than this, as a cause does.
const LONGEST_QUOTE: usize = 32_768;

impl Scope<'_> {
    /// The value of an expression.
    pub(crate) fn jsonata(&self, jsonata: &Jsonata) -> EvalResult<Value> {
        let bindings = self.bindings(jsonata);
        let mut world = Surroundings { millis: self.now.as_millis(), random: self.random };
        let mut budget = self.budget.borrow_mut();
        match jsonata.expression.evaluate(None, &bindings, &mut budget, &mut world) {
            Ok(Outcome::Value(value)) => Ok(value),
            Ok(Outcome::Nothing) => Err(fault(jsonata, "returned nothing (undefined).")),
            Ok(Outcome::Function) => Err(fault(jsonata, "returned an unsupported result type.")),
            Err(error) => Err(fault(jsonata, &format!("threw an error during evaluation. {error}"))),
        }
    }

    /// An expression that has to give a truth value.
    pub(crate) fn jsonata_bool(&self, jsonata: &Jsonata) -> EvalResult<bool> {
        let value = self.jsonata(jsonata)?;
        value.as_bool().ok_or_else(|| unexpected(jsonata, "boolean", &value))
    }

    /// An expression that has to give a string.
    pub(crate) fn jsonata_string(&self, jsonata: &Jsonata) -> EvalResult<Str> {
        match self.jsonata(jsonata)? {
            Value::String(text) => Ok(text),
            other => Err(unexpected(jsonata, "string", &other)),
        }
    }

    /// An expression that has to give a number.
    pub(crate) fn jsonata_number(&self, jsonata: &Jsonata) -> EvalResult<Value> {
        match self.jsonata(jsonata)? {
            number @ Value::Number(_) => Ok(number),
            other => Err(unexpected(jsonata, "number", &other)),
        }
    }

    /// An expression that has to give a whole number.
    pub(crate) fn jsonata_whole(&self, jsonata: &Jsonata) -> EvalResult<i64> {
        let value = self.jsonata_number(jsonata)?;
        value.as_i64().ok_or_else(|| refused(jsonata, &format!("cannot be parsed as a long value: {value}")))
    }

    /// An expression that has to give a whole number that isn't negative.
    pub(crate) fn jsonata_count(&self, jsonata: &Jsonata) -> EvalResult<u64> {
        let number = self.jsonata_whole(jsonata)?;
        u64::try_from(number).map_err(|_| refused(jsonata, &format!("references a negative value: {number}")))
    }

    /// An expression that has to give an array.
    pub(crate) fn jsonata_array(&self, jsonata: &Jsonata) -> EvalResult<Value> {
        match self.jsonata(jsonata)? {
            array @ Value::Array(_) => Ok(array),
            other => Err(unexpected(jsonata, "array", &other)),
        }
    }

    /// An expression that has to give an array or an object.
    pub(crate) fn jsonata_items(&self, jsonata: &Jsonata) -> EvalResult<Value> {
        match self.jsonata(jsonata)? {
            items @ (Value::Array(_) | Value::Object(_)) => Ok(items),
            other => Err(unexpected(jsonata, "array", &other)),
        }
    }

    /// The variables that the expression refers to, and `$states` with the members it refers to: the rest of a state's
    /// data isn't touched.
    fn bindings(&self, jsonata: &Jsonata) -> Bindings {
        let mut bindings = Bindings::new();
        let mut states = Wanted::default();
        for reference in jsonata.expression.references() {
            if &*reference.name == STATES {
                states.add(reference.members.first().map(|member| &**member));
            } else if let Some(value) = self.variable(&reference.name) {
                bindings.insert(reference.name.clone(), value.clone());
            }
        }
        if states.any {
            bindings.insert(STATES, self.states(states));
        }
        bindings
    }

    fn states(&self, wanted: Wanted) -> Value {
        let mut states = ObjectBuilder::with_capacity(4);
        if wanted.input {
            states.insert("input", self.data.input.clone());
        }
        if wanted.result {
            states.insert_some("result", self.data.result.cloned());
        }
        if wanted.error_output {
            states.insert_some("errorOutput", self.data.error_output.cloned());
        }
        if wanted.context {
            states.insert("context", self.context.value().clone());
        }
        states.build().into()
    }
}

/// Which members of `$states` an expression refers to.
#[derive(Clone, Copy, Default)]
struct Wanted {
    any: bool,
    input: bool,
    result: bool,
    error_output: bool,
    context: bool,
}

impl Wanted {
    /// Adds a member, or all of them where the whole is referred to.
    fn add(&mut self, member: Option<&str>) {
        self.any = true;
        self.input |= matches!(member, None | Some("input"));
        self.result |= matches!(member, None | Some("result"));
        self.error_output |= matches!(member, None | Some("errorOutput"));
        self.context |= matches!(member, None | Some("context"));
    }
}

/// Time and chance as an expression sees them.
struct Surroundings<'a> {
    millis: i64,
    random: &'a dyn Fn() -> u64,
}

impl newel_jsonata::World for Surroundings<'_> {
    fn now_millis(&mut self) -> i64 {
        self.millis
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    fn random(&mut self) -> f64 {
        const BITS: u32 = 53;
        ((self.random)() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64
    }

    fn uuid(&mut self) -> String {
        intrinsic::uuid(self.random)
    }
}

/// `The Seconds field …`: what an expression gave can't be used for its field.
fn refused(jsonata: &Jsonata, what: &str) -> EvalError {
    let field = &jsonata.field;
    EvalError::evaluation(Some(field.clone()), format!("The {field} field {what}"))
}

/// `The JSONata expression '…' specified for the field '…' …`
fn fault(jsonata: &Jsonata, what: &str) -> EvalError {
    let (source, field) = (jsonata.expression.source(), &jsonata.field);
    let message = format!("The JSONata expression '{source}' specified for the field '{field}' {what}");
    EvalError::evaluation(Some(field.clone()), message)
}

fn unexpected(jsonata: &Jsonata, expected: &str, value: &Value) -> EvalError {
    let quoted = match size::check(value, LONGEST_QUOTE) {
        Ok(()) => value.to_json(),
        Err(_) => "…".to_owned(),
    };
    let found = type_name(value);
    let what = format!(
        "returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {quoted}"
    );
    fault(jsonata, &what)
}

/// The type of a value as messages name it.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
