//! Dispatches and payloads.

use std::sync::Arc;

use newel_engine::{Dispatch, DispatchKind, TaskId};
use newel_value::Payload;

/// The attempt that goes by a number.
pub(crate) fn task(n: u64) -> TaskId {
    TaskId::from_parts([7; 16], "".into(), n, 0)
}

/// A JSON text of exactly that many bytes.
pub(crate) fn payload(bytes: usize) -> Payload {
    Payload::from_checked_text(format!("\"{}\"", "x".repeat(bytes - 2)))
}

/// A dispatch of a `batch` job with 100 bytes of parameters.
pub(crate) fn dispatch(n: u64, kind: DispatchKind) -> Dispatch {
    let carries_parameters = kind != DispatchKind::Watch;
    Dispatch {
        task: task(n),
        kind,
        family: "batch".into(),
        resource: "arn:aws:states:::batch:submitJob.sync".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_name: "S".into(),
        machine_role_arn: "arn:aws:iam::000000000000:role/r".into(),
        task_role_arn: None,
        parameters: carries_parameters.then(|| payload(100)),
        submit_token: format!("{n:036}").into(),
        external_ref: None,
        deadline: None,
        heartbeat_seconds: None,
        traceparent: None,
        scheduled_at: Default::default(),
        submitted_at: None,
        token: None,
        mocked: None,
        trace: None,
    }
}

pub(crate) fn submits(numbers: impl IntoIterator<Item = u64>) -> Vec<Arc<Dispatch>> {
    numbers.into_iter().map(|n| Arc::new(dispatch(n, DispatchKind::Submit))).collect()
}
