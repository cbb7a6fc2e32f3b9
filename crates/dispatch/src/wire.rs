//! Ids and kinds as messages carry them.

use bytes::Bytes;
use newel_engine::{DispatchKind, TaskId};
use newel_proto::worker::v1 as wire;
use tonic::Status;

use crate::state::ReportKind;

/// No message exceeds this.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;
/// Payloads up to this size go inside their message, longer ones in chunks.
pub(crate) const INLINE_BYTES: usize = 256 * 1024;
/// What a chunk carries at most.
pub(crate) const CHUNK_BYTES: usize = 512 * 1024;

/// A message that breaks the protocol. It ends the session: both sides can't agree on what was said.
pub(crate) fn violation(problem: &str) -> Status {
    Status::invalid_argument(format!("protocol violation: {problem}"))
}

pub(crate) fn task_from_wire(id: Option<wire::TaskId>) -> Result<TaskId, Status> {
    let id = id.ok_or_else(|| violation("a task id is missing"))?;
    let execution = <[u8; 16]>::try_from(id.execution.as_ref())
        .map_err(|_| violation("an execution id isn't 16 bytes long"))?;
    Ok(TaskId::from_parts(execution, id.frame.into(), id.entry, id.attempt))
}

pub(crate) fn task_to_wire(task: &TaskId) -> wire::TaskId {
    wire::TaskId {
        execution: Bytes::copy_from_slice(&task.execution.0),
        frame: task.frame.to_string(),
        entry: task.entry,
        attempt: task.attempt,
    }
}

pub(crate) const fn dispatch_kind(kind: DispatchKind) -> wire::DispatchKind {
    match kind {
        DispatchKind::Submit => wire::DispatchKind::Submit,
        DispatchKind::Reconcile => wire::DispatchKind::Reconcile,
        DispatchKind::Watch => wire::DispatchKind::Watch,
        DispatchKind::Cancel => wire::DispatchKind::Cancel,
    }
}

pub(crate) const fn report_kind(kind: ReportKind) -> wire::ReportKind {
    match kind {
        ReportKind::Submitted => wire::ReportKind::Submitted,
        ReportKind::Heartbeat => wire::ReportKind::Heartbeat,
        ReportKind::Succeeded => wire::ReportKind::Succeeded,
        ReportKind::Failed => wire::ReportKind::Failed,
        ReportKind::Cancelled => wire::ReportKind::Cancelled,
    }
}
