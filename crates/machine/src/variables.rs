//! Variables: what `Assign` sets, within its limits.

use newel_asl::error;
use newel_value::{MAX_DEPTH, Object, Value};

use crate::execution::Frame;
use crate::fault::StateError;
use crate::size::{self, Excess};
use crate::turn::Runner;

impl Runner<'_, '_> {
    /// A frame's variables after an assignment.
    pub(crate) fn assign(&self, frame: &Frame, assigned: &Object) -> Result<Object, StateError> {
        if assigned.is_empty() {
            return Ok(frame.variables.clone());
        }
        let limits = self.world.limits;
        let mut total = 0;
        for (name, value) in assigned.iter() {
            total += bytes(value, limits.variable_bytes, &format!("variable '{name}' is"))?;
        }
        if total > limits.assign_bytes {
            return Err(too_large("assigned variables are", limits.assign_bytes));
        }
        let mut variables = frame.variables.to_builder();
        for (name, value) in assigned.iter() {
            variables.insert(name.clone(), value.clone());
        }
        let variables = variables.build();
        bytes(&Value::from(variables.clone()), limits.variables_bytes, "variables are")?;
        Ok(variables)
    }
}

/// The bytes of a value's text, if they are within a limit.
fn bytes(value: &Value, limit: usize, what: &str) -> Result<usize, StateError> {
    match size::check(value, limit) {
        Ok(()) => {
            Some(value.to_json().len()).filter(|bytes| *bytes <= limit).ok_or_else(|| too_large(what, limit))
        }
        Err(Excess::Bytes) => Err(too_large(what, limit)),
        Err(Excess::Depth) => {
            Err(StateError::new(error::RUNTIME, format!("The {what} nested deeper than {MAX_DEPTH} levels.")))
        }
    }
}

fn too_large(what: &str, limit: usize) -> StateError {
    StateError::new(error::DATA_LIMIT_EXCEEDED, format!("The {what} larger than {limit} bytes."))
}
