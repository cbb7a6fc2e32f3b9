//! Transfers: what workers read and write for map runs.
//!
//! A transfer is a task attempt of the run itself, named by the run's id, its ARN in the place of a frame, and a random number.
//! Its order is kept in memory and not in the outbox, for as long as somebody works on the run: to read a page or to write a
//! file twice does no harm, so after a crash it is ordered again under another number, and what is still reported of the
//! former is stale.

use std::collections::HashMap;
use std::sync::Arc;

use newel_machine::Info;
use newel_store::Id;
use newel_value::{Payload, Str, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::News;
use super::record::MapRunRecord;
use crate::Error;
use crate::engine::Inner;
use crate::ids::submit_token;
use crate::task::{Dispatch, DispatchKind, Report, Settled, TaskId};

/// The orders that stand for runs that are being worked on.
#[derive(Debug, Default)]
pub(crate) struct Transfers(Mutex<HashMap<TaskId, Arc<Dispatch>>>);

impl Transfers {
    /// The order for a transfer, if it still stands.
    pub(crate) fn order(&self, task: &TaskId) -> Option<Arc<Dispatch>> {
        self.0.lock().get(task).cloned()
    }
}

/// Whether a task attempt is a map run's: frames of executions are the root, whose path is empty, or have a path that begins
/// with a slash.
pub(crate) fn is_transfer(task: &TaskId) -> bool {
    !task.frame.is_empty() && !task.frame.starts_with('/')
}

/// What a worker says of a transfer, and who waits to hear whether that is durable.
#[derive(Debug)]
pub(crate) struct TransferReport {
    pub(super) task: TaskId,
    pub(super) report: Report,
    pub(super) answer: oneshot::Sender<Result<Settled, Error>>,
}

impl TransferReport {
    /// Nobody needs it any more.
    pub(super) fn refuse(self) {
        // The session that asked may be gone.
        let _gone = self.answer.send(Ok(Settled::Stale));
    }
}

/// A transfer that is under way. It is let go when this is dropped.
pub(super) struct Transfer {
    inner: Arc<Inner>,
    pub(super) task: TaskId,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.inner.transfers.0.lock().remove(&self.task);
        self.inner.dispatcher.forget(std::slice::from_ref(&self.task));
    }
}

impl Inner {
    /// Has a worker read or write something for a run.
    pub(super) fn transfer(
        self: &Arc<Self>,
        run: Id,
        record: &MapRunRecord,
        info: &Info,
        resource: &Str,
        parameters: impl Into<Value>,
    ) -> Transfer {
        let task = TaskId { execution: run, frame: record.arn.clone(), entry: self.env.random(), attempt: 0 };
        let order = Arc::new(Dispatch {
            kind: DispatchKind::Submit,
            family: newel_asl::transfer::FAMILY.into(),
            resource: resource.clone(),
            account: info.account.clone(),
            region: info.region.clone(),
            execution_arn: info.arn.clone(),
            state_machine_arn: info.machine_arn.clone(),
            state_name: record.state.clone(),
            machine_role_arn: info.role_arn.clone(),
            task_role_arn: None,
            parameters: Some(Payload::from(parameters.into())),
            submit_token: submit_token(&task),
            external_ref: None,
            deadline: None,
            heartbeat_seconds: None,
            traceparent: None,
            scheduled_at: self.env.now(),
            submitted_at: None,
            token: None,
            mocked: None,
            trace: None,
            task: task.clone(),
        });
        self.transfers.0.lock().insert(task.clone(), Arc::clone(&order));
        self.dispatcher.dispatch(vec![order]);
        Transfer { inner: Arc::clone(self), task }
    }

    /// Takes what a worker says of a transfer; answers once that is durable.
    pub(crate) async fn transfer_report(
        self: &Arc<Self>,
        task: TaskId,
        report: Report,
    ) -> Result<Settled, Error> {
        if self.transfers.order(&task).is_none() {
            return Ok(Settled::Stale);
        }
        let (answer, answered) = oneshot::channel();
        let (run, arn) = (task.execution, task.frame.clone());
        self.tell_map_run(run, &arn, News::Transfer(TransferReport { task, report, answer }));
        answered.await.unwrap_or_else(|_| Err(Error::unavailable("the map run is changing hands; try again")))
    }
}
