//! How much one evaluation may cost.

use newel_value::Value;

use crate::QueryError;

/// How many bytes of text a step looks at.
pub(crate) const BYTES_PER_STEP: usize = 16;

/// What is left to spend on evaluating paths. One budget may serve several evaluations in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Nodes that may still be visited; comparing and matching cost by the size of what they look at. A step takes tens
    /// of nanoseconds.
    pub steps: u64,
    /// Bytes of JSON text, roughly, that results may still add. Only results that can repeat parts of the document are
    /// counted, as nothing else can outgrow it.
    pub bytes: u64,
}

impl Default for Budget {
    /// A million steps and 64 MiB.
    fn default() -> Self {
        Self { steps: 1_000_000, bytes: 64 << 20 }
    }
}

impl Budget {
    pub(crate) fn charge_steps(&mut self, steps: usize) -> Result<(), QueryError> {
        charge(&mut self.steps, steps)
    }

    pub(crate) fn charge_bytes(&mut self, bytes: usize) -> Result<(), QueryError> {
        charge(&mut self.bytes, bytes)
    }

    /// Charges the size of a whole tree, without recursion: it stops as soon as the budget is spent.
    pub(crate) fn charge_tree(&mut self, tree: &Value) -> Result<(), QueryError> {
        const SCALAR: usize = 8;
        let mut pending = vec![tree];
        while let Some(value) = pending.pop() {
            match value {
                Value::String(text) => self.charge_bytes(text.len() + 2)?,
                Value::Array(items) => {
                    self.charge_bytes(items.len() + 2)?;
                    pending.extend(items.iter());
                }
                Value::Object(object) => {
                    self.charge_bytes(2)?;
                    for (name, member) in object.iter() {
                        self.charge_bytes(name.len() + 4)?;
                        pending.push(member);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => self.charge_bytes(SCALAR)?,
            }
        }
        Ok(())
    }
}

fn charge(left: &mut u64, amount: usize) -> Result<(), QueryError> {
    let amount = u64::try_from(amount).unwrap_or(u64::MAX);
    match left.checked_sub(amount) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => {
            *left = 0;
            Err(QueryError::BudgetExceeded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_charged_once_for_all_it_holds() {
        let tree = Value::parse(r#"{"a":["xy",1]}"#).unwrap();
        let mut budget = Budget { steps: 0, bytes: 100 };
        budget.charge_tree(&tree).unwrap();
        // {} 2, "a" and its signs 5, [] and its signs 4, "xy" 4, the number 8.
        assert_eq!(budget.bytes, 77);
    }

    #[test]
    fn an_overdrawn_budget_stays_empty() {
        let mut budget = Budget { steps: 3, bytes: 0 };
        assert_eq!(budget.charge_steps(4), Err(QueryError::BudgetExceeded));
        assert_eq!(budget.steps, 0);
        assert_eq!(budget.charge_steps(0), Ok(()));
    }
}
