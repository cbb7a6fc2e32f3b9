//! The family `states`: tasks that call Step Functions itself, carried out in the orchestrator's own process.
//!
//! `arn:aws:states:::states:startExecution` with its patterns, and `arn:aws:states:::aws-sdk:sfn:<action>`
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html>). No worker, no network and no polling:
//! a call goes to the API in this process, and the end of a child execution is seen where it becomes durable.
//!
//! [`Nested`] is a [`Dispatcher`] that takes what is of this family and passes everything else on. `queue.rs` says what
//! runs next, `call.rs` makes one call, `attempt.rs` turns orders into calls and reports, `watched.rs` knows which child
//! executions somebody waits for.
//!
//! It must not know: how an execution runs or is stored, what other families do.
//!
//! Invariants:
//! * NST-1: a child is started once for an attempt. Without a `Name` it is named by the attempt's submit token; a child of
//!   that name, or under reconciliation one with the same input that isn't older than the attempt, is adopted.
//! * NST-2: a watched child's end is reported however it races with the watch: interest is noted before the child is
//!   looked at.
//! * NST-3: what waits is bounded by what the engine has outstanding, in ids: bodies beyond [`Options::bodies`] are read
//!   again when their turn comes.
//! * NST-4: a task acts for another account only by a role that [`Options::trusted_roles`] gives its own account.

mod attempt;
mod call;
mod options;
mod queue;
mod watched;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use newel_api::Local;
use newel_engine::{Dispatch, Dispatcher, FamilyPresence, TaskEngine, TaskId};
use newel_integrations::Integrations;
use newel_machine::{Event, Info};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;
use crate::watched::Watched;

pub use options::Options;

/// The family's name.
pub const FAMILY: &str = "states";

/// Carries out tasks of the family, and passes the others on.
pub struct Nested {
    me: Weak<Self>,
    others: Arc<dyn Dispatcher>,
    integrations: Integrations,
    options: Options,
    attached: OnceLock<Attached>,
    queue: Queue,
    watched: Watched,
    runtime: Handle,
    stop: CancellationToken,
}

/// What is there only once the engine is.
#[derive(Debug)]
struct Attached {
    engine: Arc<dyn TaskEngine>,
    api: Local,
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nested").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Nested {
    /// The family before its engine; `others` gets what isn't of this family.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    pub fn new(others: Arc<dyn Dispatcher>, integrations: Integrations, options: Options) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            others,
            integrations,
            attached: OnceLock::new(),
            queue: Queue::new(options.calls, options.bodies),
            watched: Watched::default(),
            options,
            runtime: Handle::current(),
            stop: CancellationToken::new(),
        })
    }

    /// Says where reports and calls go, and begins with what has been dispatched meanwhile. To be called once.
    pub fn attach(&self, engine: Arc<dyn TaskEngine>, api: Local) {
        if self.attached.set(Attached { engine, api }).is_ok() {
            self.run_queued();
        }
    }

    /// Ends what is under way; the engine gives it again after a start.
    pub fn shutdown(&self) {
        self.stop.cancel();
    }

    /// To be told of every turn's events once they are durable: among them are the ends of children that are waited for.
    pub fn committed(&self, info: &Info, events: &[Event]) {
        if events.last().is_some_and(|event| event.detail.is_terminal()) {
            for task in self.watched.ended(&info.arn) {
                self.queue.look_again(task);
            }
            self.run_queued();
        }
    }

    /// Begins what may begin now.
    fn run_queued(&self) {
        if self.attached.get().is_none() {
            return;
        }
        while let Some((order, cancelled)) = self.queue.next() {
            let Some(nested) = self.me.upgrade() else { return };
            self.runtime.spawn(async move {
                let task = order.task.clone();
                let work = async {
                    tokio::select! {
                        // The attempt is over, and it has no job to stop.
                        () = cancelled.cancelled() => {}
                        () = nested.carry_out(order) => {}
                    }
                };
                if nested.stop.run_until_cancelled(work).await.is_some() {
                    nested.queue.done(&task);
                    nested.run_queued();
                }
            });
        }
    }
}

impl Dispatcher for Nested {
    fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
        let (ours, others): (Vec<_>, Vec<_>) =
            dispatches.into_iter().partition(|dispatch| &*dispatch.family == FAMILY);
        if !others.is_empty() {
            self.others.dispatch(others);
        }
        if !ours.is_empty() {
            ours.into_iter().for_each(|dispatch| self.queue.put(dispatch));
            self.run_queued();
        }
    }

    fn forget(&self, tasks: &[TaskId]) {
        for task in tasks {
            self.queue.forget(task);
            self.watched.forget(task);
        }
        self.others.forget(tasks);
    }

    fn families(&self) -> Vec<FamilyPresence> {
        self.others.families()
    }
}
