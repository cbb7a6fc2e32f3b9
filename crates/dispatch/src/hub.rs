//! The hub: what the engine and the server hold.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use newel_engine::{
    Dispatch, DispatchKind, Dispatcher, ErrorKind, FamilyPresence, Report, TaskEngine, TaskId,
};
use newel_value::Str;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::Options;
use crate::backoff::Backoff;
use crate::metrics;
use crate::session::Session;
use crate::state::{
    Effect, FamilyId, FamilyStats, Greeting, Introduction, Limits, ReportKind, SessionId, Standing, State,
    Ticket,
};

/// The error of a task that no worker carries out: Retry and Catch may name it, as any other of AWS's.
const TASK_FAILED: &str = "States.TaskFailed";

/// Brings dispatches to workers and their reports to the engine. See the crate's page.
///
/// It is a [`Dispatcher`] for the engine; [`Hub::service`] is the gRPC service for workers.
pub struct Hub {
    /// Itself, for what goes on in the background.
    me: Weak<Self>,
    options: Options,
    state: Mutex<State>,
    sessions: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    engine: RwLock<Option<Arc<dyn TaskEngine>>>,
    runtime: Handle,
    stop: CancellationToken,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub without an engine: it queues dispatches and refuses sessions until [`Hub::attach`].
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        let limits = Limits {
            queued_body_bytes: options.queued_body_bytes,
            body_reads: options.body_reads,
            session_outbox: options.session_outbox,
        };
        let hub = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            options,
            state: Mutex::new(State::new(limits)),
            sessions: Mutex::default(),
            engine: RwLock::default(),
            runtime: Handle::current(),
            stop: CancellationToken::new(),
        });
        metrics::observe(&hub);
        hub
    }

    /// Says where reports go. To be called once, before the service is reachable.
    pub fn attach(&self, engine: Arc<dyn TaskEngine>) {
        *self.engine.write() = Some(engine);
    }

    /// Ends every session, which workers take as a reason to connect again, and lets go of the engine. A gRPC server that
    /// waits for open calls before it stops waits for this.
    pub fn shutdown(&self) {
        self.stop.cancel();
        *self.engine.write() = None;
        for session in self.sessions.lock().values() {
            session.end(Status::unavailable("the orchestrator is stopping"));
        }
    }

    /// The figures of every family, by name.
    pub fn stats(&self) -> Vec<FamilyStats> {
        self.state.lock().stats()
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn engine(&self) -> Option<Arc<dyn TaskEngine>> {
        self.engine.read().clone()
    }

    pub(crate) fn standing(&self, family: &Str, task: &TaskId) -> Standing {
        self.state.lock().standing(family, task)
    }

    /// Runs something beside the caller, who may be on a thread that isn't the runtime's.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(work)
    }

    /// Looks at the state or changes it, and begins what follows from that.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (out, effects) = {
            let mut state = self.state.lock();
            (change(&mut state), state.take_effects())
        };
        for effect in effects {
            // Nobody holds the hub any more: nothing of it matters.
            let Some(hub) = self.me.upgrade() else { break };
            match effect {
                Effect::Read { family, task, kind, ticket } => {
                    self.spawn(async move { hub.read_body(family, task, kind, ticket).await });
                }
                Effect::NeverBegun(task) => {
                    self.spawn(async move { hub.report_cancelled(task).await });
                }
            }
        }
        out
    }

    /// Opens a session; the worker's earlier one ends.
    pub(crate) fn open(
        &self,
        introduction: Introduction,
        make: impl FnOnce(SessionId, Arc<Notify>) -> Session,
    ) -> Result<(Arc<Session>, Vec<TaskId>), Status> {
        // Held across both tables, so that a session ended by its successor is found in this one.
        let mut sessions = self.sessions.lock();
        if self.stop.is_cancelled() {
            return Err(Status::unavailable("the orchestrator is stopping"));
        }
        if sessions.len() >= self.options.sessions {
            return Err(Status::resource_exhausted("too many sessions"));
        }
        let greeting = self.change(|state| state.open(introduction));
        let Greeting { session: id, wake, keep, replaced } =
            greeting.ok_or_else(|| Status::resource_exhausted("too many families"))?;
        if let Some(replaced) = replaced.and_then(|id| sessions.get(&id)) {
            replaced.end(Status::aborted("the worker opened another session"));
        }
        let session = Arc::new(make(id, wake));
        sessions.insert(id, Arc::clone(&session));
        drop(sessions);
        self.check_claims(&session);
        Ok((session, keep))
    }

    /// A session is over.
    pub(crate) fn close(&self, session: &Session) {
        let id = session.id;
        self.sessions.lock().remove(&id);
        tracing::info!(
            session = id,
            family = &*session.family,
            worker = &*session.worker,
            "a worker's session is over"
        );
        if !self.change(|state| state.close(id)) {
            return;
        }
        let Some(hub) = self.me.upgrade() else { return };
        self.spawn(async move {
            let wait = tokio::time::sleep(hub.options.reconnect_grace());
            if hub.stop.run_until_cancelled(wait).await.is_some() {
                hub.change(|state| state.release(id));
            }
        });
    }

    /// Asks the engine, after a while, about what a worker holds and nobody dispatched: the worker lets go of what is
    /// over.
    fn check_claims(&self, session: &Arc<Session>) {
        if self.state.lock().claimed(session.id).is_empty() {
            return;
        }
        let Some(hub) = self.me.upgrade() else { return };
        let (session, stop) = (Arc::clone(session), session.stop.clone());
        let check = async move {
            tokio::time::sleep(hub.options.claim_check()).await;
            for task in hub.change(|state| state.claimed(session.id)) {
                let Some(engine) = hub.engine() else { return };
                // What can't be told is kept: its report will be settled one day.
                if let Ok(family) = engine.family(&task).await
                    && family.as_ref() != Some(&session.family)
                {
                    hub.change(|state| state.disclaim(session.id, &task));
                }
            }
        };
        self.spawn(async move { stop.run_until_cancelled(check).await });
    }

    /// Reads a dispatch again, until the engine can tell.
    async fn read_body(self: Arc<Self>, family: FamilyId, task: TaskId, kind: DispatchKind, ticket: Ticket) {
        let mut backoff = Backoff::new();
        while let Some(engine) = self.engine() {
            match engine.dispatch_body(&task, kind).await {
                Ok(body) => {
                    self.change(|state| state.read(family, &task, ticket, body));
                    return;
                }
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    tracing::debug!(%task, %error, "a dispatch can't be read now");
                }
                Err(error) => tracing::error!(%task, %error, "a dispatch can't be read"),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Whether a worker of a family is there or may come.
    fn may_be_served(&self, family: &Str) -> bool {
        let families = &self.options.families;
        families.is_empty()
            || families.iter().any(|known| **known == **family)
            || self.engine().is_some_and(|engine| engine.is_registered(family))
            || self.stats().iter().any(|stats| stats.family == *family && stats.sessions > 0)
    }

    /// Fails an attempt that no worker will ever carry out.
    async fn refuse(self: Arc<Self>, dispatch: &Dispatch) {
        let cause = format!(
            "No worker of this Newel carries out {}: the family '{}' has none. Those that have are: {}",
            dispatch.resource,
            dispatch.family,
            self.options.families.join(", ")
        );
        let report = Report::Failed { error: TASK_FAILED.into(), cause: cause.into() };
        let mut backoff = Backoff::new();
        while let Some(engine) = self.engine() {
            match engine.report(dispatch.task.clone(), report.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(task = %dispatch.task, %error, "a refusal can't be settled now")
                }
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Reports an attempt cancelled that never reached a worker.
    async fn report_cancelled(self: Arc<Self>, task: TaskId) {
        let mut backoff = Backoff::new();
        while let Some(engine) = self.engine() {
            match engine.report(task.clone(), Report::Cancelled).await {
                Ok(_) => {
                    self.change(|state| state.settled(None, &task, ReportKind::Cancelled, false));
                    return;
                }
                Err(error) => tracing::debug!(%task, %error, "a cancel can't be settled now"),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }
}

impl Dispatcher for Hub {
    fn dispatch(&self, mut dispatches: Vec<Arc<Dispatch>>) {
        // What has begun may be running: only what hasn't is refused.
        let hopeless = |dispatch: &mut Arc<Dispatch>| {
            dispatch.kind == DispatchKind::Submit && !self.may_be_served(&dispatch.family)
        };
        for dispatch in dispatches.extract_if(.., hopeless) {
            let Some(hub) = self.me.upgrade() else { return };
            self.spawn(async move { hub.refuse(&dispatch).await });
        }
        self.change(|state| dispatches.into_iter().for_each(|dispatch| state.accept(dispatch)));
    }

    fn forget(&self, tasks: &[TaskId]) {
        self.change(|state| state.forget(tasks));
    }

    fn families(&self) -> Vec<FamilyPresence> {
        let presence = |stats: FamilyStats| FamilyPresence {
            family: stats.family,
            workers: stats.sessions,
            queued: stats.queued,
        };
        self.stats().into_iter().map(presence).collect()
    }
}
