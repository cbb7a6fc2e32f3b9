//! What a map run fails with.

use newel_asl::error;
use newel_value::Str;

use crate::event::Fault;

/// How many items of a map run may fail.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// `ToleratedFailureCount`
    pub count: Option<u64>,
    /// `ToleratedFailurePercentage`
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// Whether more items have failed or timed out than are tolerated. `total` is how many there are, once that is known: which
    /// part of them failed can't be told before.
    #[must_use]
    pub fn is_exceeded(self, failed: u64, total: Option<u64>) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of items, far below 2^53")]
        let part_exceeds =
            |tolerated: f64| total.is_some_and(|total| failed as f64 * 100.0 > tolerated * total as f64);
        match (self.count, self.percentage) {
            (None, None) => failed > 0,
            (Some(count), None) => failed > count,
            (None, Some(tolerated)) => part_exceeds(tolerated),
            (Some(count), Some(tolerated)) => failed > count || part_exceeds(tolerated),
        }
    }
}

/// What a map run fails with more of whose items have failed than are tolerated.
#[must_use]
pub fn threshold_exceeded() -> Fault {
    Fault {
        error: Some(error::EXCEED_TOLERATED_FAILURE_THRESHOLD.into()),
        cause: Some("The specified tolerated failure threshold was exceeded".into()),
    }
}

/// What a run fails with whose items couldn't be read or whose results couldn't be written; `otherwise` is the name of that. Errors
/// of a worker that knows what it does go by the names of the language.
#[must_use]
pub fn transfer_fault(otherwise: &'static str, error: Str, cause: Str) -> Fault {
    let named =
        [error::ITEM_READER_FAILED, error::RESULT_WRITER_FAILED, error::RUNTIME, error::DATA_LIMIT_EXCEEDED];
    if named.contains(&&*error) {
        return Fault { error: Some(error), cause: Some(cause) };
    }
    Fault { error: Some(otherwise.into()), cause: Some(format!("{error}: {cause}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_exceeded_once_all_items_are_known() {
        let tolerance = |count, percentage| Tolerance { count, percentage };
        assert!(tolerance(None, None).is_exceeded(1, None));
        assert!(!tolerance(Some(1), None).is_exceeded(1, None));
        assert!(tolerance(Some(1), None).is_exceeded(2, None));
        assert!(!tolerance(None, Some(10.0)).is_exceeded(2, None));
        assert!(tolerance(None, Some(10.0)).is_exceeded(2, Some(19)));
        assert!(!tolerance(None, Some(10.0)).is_exceeded(2, Some(20)));
        assert!(tolerance(Some(1), Some(10.0)).is_exceeded(2, Some(100)));
        assert!(tolerance(Some(5), Some(10.0)).is_exceeded(2, Some(10)));
    }
}
