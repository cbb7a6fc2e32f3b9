//! How much one evaluation may cost.

use crate::EvalError;
use crate::error::{OVER_BYTES, OVER_STEPS};

/// How many bytes of text a step looks at.
pub(crate) const BYTES_PER_STEP: usize = 64;

/// What is left to spend on evaluating. One budget may serve several evaluations in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Nodes of expressions that may still be evaluated, elements of arrays visited, 64 bytes of text looked at. A step
    /// takes tens of nanoseconds.
    pub steps: u64,
    /// Bytes that may still be allocated, counted when they are and not given back.
    pub bytes: u64,
    /// How deep evaluating may recurse. A call of a function in the expression takes some five levels; a call in tail
    /// position takes none.
    pub depth: u32,
}

impl Default for Budget {
    /// Eight million steps, 32 MiB, 512 levels: any expression ends within a second, 64 MiB and half a thread's default
    /// stack (1 MiB, of optimised code).
    fn default() -> Self {
        Self { steps: 8_000_000, bytes: 32 << 20, depth: 512 }
    }
}

impl Budget {
    pub(crate) fn charge_steps(&mut self, steps: usize) -> Result<(), EvalError> {
        charge(&mut self.steps, steps, OVER_STEPS)
    }

    pub(crate) fn charge_bytes(&mut self, bytes: usize) -> Result<(), EvalError> {
        charge(&mut self.bytes, bytes, OVER_BYTES)
    }

    /// Charges looking at that much text.
    pub(crate) fn charge_reading(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.charge_steps(1 + bytes / BYTES_PER_STEP)
    }

    /// Charges making that much text.
    pub(crate) fn charge_text(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.charge_reading(bytes)?;
        self.charge_bytes(bytes.saturating_add(16))
    }
}

fn charge(left: &mut u64, amount: usize, over: &'static str) -> Result<(), EvalError> {
    let amount = u64::try_from(amount).unwrap_or(u64::MAX);
    match left.checked_sub(amount) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => {
            *left = 0;
            Err(EvalError::over(over))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdrawn_budget_stays_empty() {
        let mut budget = Budget { steps: 3, bytes: 0, depth: 1 };
        assert!(budget.charge_steps(4).is_err_and(|error| error.is_budget_exceeded()));
        assert_eq!(budget.steps, 0);
        assert!(budget.charge_steps(0).is_ok());
    }
}
