//! Names of the errors that the service itself raises, and how Retry and Catch match errors
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).

use newel_value::Str;

/// Not an error: the wildcard of `ErrorEquals`. It doesn't match [`RUNTIME`] and [`DATA_LIMIT_EXCEEDED`].
pub const ALL: &str = "States.ALL";
/// A task failed; as a pattern it matches everything but timeouts and what [`ALL`] doesn't match.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A task or the execution ran longer than its timeout. Recorded histories show it for missed heartbeats too.
pub const TIMEOUT: &str = "States.Timeout";
/// A task sent no heartbeat in time.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The task's role may not do what it tried.
pub const PERMISSIONS: &str = "States.Permissions";
/// `ResultPath` can't be applied to the input.
pub const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
/// A path of a payload template found nothing.
pub const PARAMETER_PATH_FAILURE: &str = "States.ParameterPathFailure";
/// A branch of a Parallel state failed.
pub const BRANCH_FAILED: &str = "States.BranchFailed";
/// No rule of a Choice applied and it has no Default.
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// An intrinsic function failed. The specification names it; AWS reports [`RUNTIME`].
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// More items of a Map failed than it tolerates.
pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
/// A Map's item reader failed.
pub const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// A Map's result writer failed.
pub const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
/// A payload is larger than the limit. Only its own name matches it.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// A JSONata expression failed.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// A fault of the definition that only the run could show. Nothing matches it: it always fails the execution.
pub const RUNTIME: &str = "States.Runtime";

/// Whether the `ErrorEquals` of a retrier or catcher matches an error.
///
/// * [`RUNTIME`] is matched by nothing, not even by its own name (recorded: a Catch of it isn't honoured).
/// * Otherwise an equal name matches.
/// * [`DATA_LIMIT_EXCEEDED`] is matched by nothing else.
/// * [`ALL`] matches every other error, one without a name (`""`, `SendTaskFailure` without `error`) included.
/// * [`TASK_FAILED`] matches what [`ALL`] does except [`TIMEOUT`] and [`HEARTBEAT_TIMEOUT`].
/// * A missed heartbeat, given as [`HEARTBEAT_TIMEOUT`], is matched by [`TIMEOUT`] too: the language's specification
///   names the one, AWS's histories show the other.
#[must_use]
pub fn matches(error_equals: &[Str], error: &str) -> bool {
    error != RUNTIME && error_equals.iter().any(|pattern| matches_one(pattern, error))
}

fn matches_one(pattern: &str, error: &str) -> bool {
    let timeout = matches!(error, TIMEOUT | HEARTBEAT_TIMEOUT);
    match pattern {
        _ if pattern == error => true,
        _ if error == DATA_LIMIT_EXCEEDED => false,
        ALL => true,
        TASK_FAILED => !timeout,
        TIMEOUT => timeout,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_and_catch_match() {
        for (pattern, error, expect) in [
            ("Custom", "Custom", true),
            ("Custom", "custom", false),
            (ALL, "Custom", true),
            (ALL, "", true),
            (ALL, TIMEOUT, true),
            (ALL, HEARTBEAT_TIMEOUT, true),
            (ALL, RUNTIME, false),
            (ALL, DATA_LIMIT_EXCEEDED, false),
            (RUNTIME, RUNTIME, false),
            (DATA_LIMIT_EXCEEDED, DATA_LIMIT_EXCEEDED, true),
            (TASK_FAILED, TASK_FAILED, true),
            (TASK_FAILED, "Custom", true),
            (TASK_FAILED, "", true),
            (TASK_FAILED, TIMEOUT, false),
            (TASK_FAILED, HEARTBEAT_TIMEOUT, false),
            (TASK_FAILED, RUNTIME, false),
            (TASK_FAILED, DATA_LIMIT_EXCEEDED, false),
            (TIMEOUT, TIMEOUT, true),
            (TIMEOUT, HEARTBEAT_TIMEOUT, true),
            (HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT, true),
            (HEARTBEAT_TIMEOUT, TIMEOUT, false),
            (BRANCH_FAILED, "Custom", false),
        ] {
            assert_eq!(matches(&[pattern.into()], error), expect, "{pattern} {error:?}");
        }
        assert!(matches(&["A".into(), "B".into()], "B"));
        assert!(!matches(&[], "B"));
    }
}
