//! An engine that keeps attempts in a table, and can be told to be slow or unavailable.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use newel_engine::{
    Dispatch, DispatchKind, Dispatcher as _, Error, ErrorKind, Exchange, Registration, Report, Settled,
    TaskEngine, TaskId,
};
use newel_value::Str;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Hub, Options};

/// An attempt that isn't over.
#[derive(Clone, Debug)]
struct Attempt {
    dispatch: Dispatch,
    cancelling: bool,
}

impl Attempt {
    /// What is due, for somebody who may have tried before.
    fn due(&self, kind: DispatchKind) -> Arc<Dispatch> {
        let kind = match (&self.dispatch.external_ref, self.cancelling) {
            (_, true) => DispatchKind::Cancel,
            (Some(_), false) => DispatchKind::Watch,
            (None, false) => kind,
        };
        let parameters = self.dispatch.parameters.clone().filter(|_| self.dispatch.external_ref.is_none());
        Arc::new(Dispatch { kind, parameters, ..self.dispatch.clone() })
    }
}

#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<TaskId, Attempt>,
    log: Vec<(TaskId, Report)>,
    bodies_read: usize,
    failures: usize,
    /// Reports wait, and don't become durable.
    stuck: bool,
    registered: Vec<Registration>,
    exchanged: Vec<(TaskId, Exchange)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct FakeEngine {
    table: Mutex<Table>,
    hub: Weak<Hub>,
    /// Signalled when reports become durable again. Its waiters go on in the order in which they came, which those of a
    /// watch channel don't.
    unstuck: Notify,
}

/// A hub with an engine of its own.
pub(crate) fn hub(options: Options) -> (Arc<Hub>, Arc<FakeEngine>) {
    let hub = Hub::new(options);
    let engine =
        Arc::new(FakeEngine { table: Mutex::default(), hub: Arc::downgrade(&hub), unstuck: Notify::new() });
    hub.attach(Arc::clone(&engine) as Arc<dyn TaskEngine>);
    (hub, engine)
}

impl FakeEngine {
    fn hub(&self) -> Arc<Hub> {
        self.hub.upgrade().unwrap()
    }

    /// Opens attempts without dispatching them, as they are after a restart.
    pub(crate) fn recall(&self, dispatches: &[Arc<Dispatch>]) {
        for dispatch in dispatches {
            let attempt = Attempt { dispatch: (**dispatch).clone(), cancelling: false };
            self.table.lock().open.insert(dispatch.task.clone(), attempt);
        }
    }

    /// Opens attempts and dispatches them.
    pub(crate) fn start(&self, dispatches: Vec<Arc<Dispatch>>) {
        self.recall(&dispatches);
        self.hub().dispatch(dispatches);
    }

    /// Dispatches everything that is open, as after a restart.
    pub(crate) fn recover(&self) {
        let due: Vec<_> =
            self.table.lock().open.values().map(|attempt| attempt.due(DispatchKind::Reconcile)).collect();
        self.hub().dispatch(due);
    }

    pub(crate) fn cancel(&self, task: &TaskId) {
        let due = {
            let mut table = self.table.lock();
            let Some(attempt) = table.open.get_mut(task) else { return };
            attempt.cancelling = true;
            attempt.due(DispatchKind::Cancel)
        };
        self.hub().dispatch(vec![due]);
    }

    /// Ends an attempt from outside, as a task token does.
    pub(crate) fn end(&self, task: &TaskId) {
        self.table.lock().open.remove(task);
        self.hub().forget(std::slice::from_ref(task));
    }

    /// Whether reports become durable now.
    pub(crate) fn set_durable(&self, durable: bool) {
        self.table.lock().stuck = !durable;
        if durable {
            self.unstuck.notify_waiters();
        }
    }

    /// The next calls fail.
    pub(crate) fn fail(&self, calls: usize) {
        self.table.lock().failures = calls;
    }

    pub(crate) fn open_tasks(&self) -> Vec<TaskId> {
        self.table.lock().open.keys().cloned().collect()
    }

    /// The reports that became durable, in order.
    pub(crate) fn reports(&self) -> Vec<(TaskId, Report)> {
        self.table.lock().log.clone()
    }

    /// The exchanges that came before their attempts' ends.
    pub(crate) fn exchanged(&self) -> Vec<(TaskId, Exchange)> {
        self.table.lock().exchanged.clone()
    }

    pub(crate) fn bodies_read(&self) -> usize {
        self.table.lock().bodies_read
    }

    fn available(&self) -> Result<(), Error> {
        let mut table = self.table.lock();
        if table.failures == 0 {
            return Ok(());
        }
        table.failures -= 1;
        Err(Error::new(ErrorKind::Unavailable, "told to fail"))
    }

    /// What a report does; a watch that follows from it.
    fn apply(&self, task: &TaskId, report: &Report) -> (Settled, Option<Arc<Dispatch>>) {
        let mut table = self.table.lock();
        let Some(attempt) = table.open.get_mut(task) else { return (Settled::Stale, None) };
        let mut watch = None;
        match report {
            Report::Heartbeat => {}
            Report::Submitted { external_ref, .. } => {
                let first = attempt.dispatch.external_ref.is_none();
                attempt.dispatch.external_ref = Some(Arc::clone(external_ref));
                let watched = first && !attempt.cancelling && attempt.dispatch.resource.ends_with(".sync");
                watch = watched.then(|| attempt.due(DispatchKind::Watch));
            }
            Report::Succeeded(_) | Report::Failed { .. } if attempt.cancelling => {
                return (Settled::Stale, None);
            }
            Report::Succeeded(_) | Report::Failed { .. } | Report::Cancelled => {
                table.open.remove(task);
            }
        }
        table.log.push((task.clone(), report.clone()));
        (Settled::Durable, watch)
    }
}

#[async_trait::async_trait]
impl TaskEngine for FakeEngine {
    async fn report(&self, task: TaskId, report: Report) -> Result<Settled, Error> {
        self.available()?;
        loop {
            let unstuck = self.unstuck.notified();
            if !self.table.lock().stuck {
                break;
            }
            unstuck.await;
        }
        let (settled, watch) = self.apply(&task, &report);
        self.hub().dispatch(watch.into_iter().collect());
        Ok(settled)
    }

    fn exchanged(&self, task: &TaskId, exchange: Exchange) {
        let mut table = self.table.lock();
        if table.open.contains_key(task) {
            table.exchanged.push((task.clone(), exchange));
        }
    }

    async fn dispatch_body(&self, task: &TaskId, kind: DispatchKind) -> Result<Option<Arc<Dispatch>>, Error> {
        tokio::task::yield_now().await;
        self.available()?;
        let mut table = self.table.lock();
        table.bodies_read += 1;
        Ok(table.open.get(task).map(|attempt| attempt.due(kind)))
    }

    async fn family(&self, task: &TaskId) -> Result<Option<Str>, Error> {
        self.available()?;
        Ok(self.table.lock().open.get(task).map(|attempt| Arc::clone(&attempt.dispatch.family)))
    }

    async fn register(&self, registrations: Vec<Registration>) -> Result<(), Error> {
        self.available()?;
        if let Some(refused) = registrations.iter().find(|r| &*r.service == "batch") {
            return Err(Error::new(
                ErrorKind::Validation,
                format!("'{}' is a name of AWS's", refused.service),
            ));
        }
        self.table.lock().registered.extend(registrations);
        Ok(())
    }

    fn is_registered(&self, family: &str) -> bool {
        self.table.lock().registered.iter().any(|r| &*r.family == family)
    }
}
