//! One task by itself: a call that belongs to no execution, made the way Express executions make theirs.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Info, Input, Reply, ScheduledTask, TaskReport};
use newel_store::Id;
use tokio::sync::mpsc;

use super::{MAILBOX, Waiting};
use crate::Error;
use crate::effects::submit;
use crate::engine::Inner;
use crate::exchange::{Exchange, HttpTrace};
use crate::ids::new_id_in_memory;
use crate::mail::{Mail, What};
use crate::task::Dispatch;

impl Inner {
    /// Calls a task and waits for its end, until then at most. A call that has gone out is
    /// not taken back.
    pub(crate) async fn call_alone(
        &self,
        info: &Info,
        task: ScheduledTask,
        trace: Option<HttpTrace>,
        until: Timestamp,
    ) -> Result<Called, Error> {
        let _room = self.express.admit(info.input.text().len() + task.parameters.text().len())?;
        let now = self.env.now();
        let id = new_id_in_memory(&*self.env, now);
        let (send, mut mail) = mpsc::channel(MAILBOX);
        let order = Arc::new(Dispatch { trace, ..submit(id, info, task, None, now) });
        let orders = [(order.task.clone(), Arc::clone(&order))].into();
        let waiting = Listening::new(self, id, Arc::new(Waiting::new(send, orders)));
        self.dispatcher.dispatch(vec![order]);
        let millis = u64::try_from(until.as_millis().saturating_sub(now.as_millis())).unwrap_or(0);
        let ended = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::shutting_down()),
            // Nothing is lost if it is dropped: what it has taken it has answered.
            report = end_of_call(&mut mail) => Ok(report),
            () = tokio::time::sleep(Duration::from_millis(millis)) => Ok(None),
        };
        let exchange = waiting.waiting.exchange.lock().take();
        drop(waiting);
        Ok(Called { end: ended?, exchange })
    }
}

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Called {
    /// Its end; `None` if it hasn't ended in time.
    pub(crate) end: Option<TaskReport>,
    /// What it sent and got, if that was asked for.
    pub(crate) exchange: Option<Exchange>,
}

/// The report that ends a call. What comes before it is taken note of.
async fn end_of_call(mail: &mut mpsc::Receiver<Mail>) -> Option<TaskReport> {
    while let Some(mut mail) = mail.recv().await {
        let what = std::mem::replace(&mut mail.what, What::Input(Input::Clock));
        match what {
            What::Input(Input::Task(_, report @ (TaskReport::Succeeded(_) | TaskReport::Failed(_)))) => {
                mail.answer(Ok(Reply::Accepted));
                return Some(report);
            }
            What::Input(Input::Task(_, TaskReport::Submitted { .. } | TaskReport::Heartbeat)) => {
                mail.answer(Ok(Reply::Accepted));
            }
            What::Input(_) | What::Token { .. } => mail.answer(Ok(Reply::Stale)),
        }
    }
    None
}

/// Reports find the call while this is there.
struct Listening<'i> {
    inner: &'i Inner,
    id: Id,
    waiting: Arc<Waiting>,
}

impl<'i> Listening<'i> {
    fn new(inner: &'i Inner, id: Id, waiting: Arc<Waiting>) -> Self {
        inner.express.waiting.lock().insert(id, Arc::clone(&waiting));
        Self { inner, id, waiting }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.inner.express.waiting.lock().remove(&self.id);
        self.inner.let_orders_go(&self.waiting);
    }
}
