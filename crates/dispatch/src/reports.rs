//! Takes a session's reports to the engine and brings the answers back.

use std::collections::VecDeque;
use std::sync::Arc;

use newel_engine::{ErrorKind, Exchange, Report, Settled, TaskEngine, TaskId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::Options;
use crate::backoff::Backoff;
use crate::hub::Hub;
use crate::inbound::Incoming;
use crate::session::Session;
use crate::state::{Ack, ReportKind, Standing};

/// What one unit of [`Reports::bytes`] stands for: a semaphore has too few permits to count single bytes.
const UNIT_BYTES: usize = 1_024;

/// Room for one unsettled report. Given back when its acknowledgement is sent.
#[derive(Debug)]
pub(crate) struct Slot {
    _count: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Unsettled {
    kind: ReportKind,
    report: Report,
    exchange: Option<Exchange>,
    slot: Slot,
}

/// A report that is with the engine.
type First = (ReportKind, Report, Option<Exchange>);

/// The unsettled reports of a session.
#[derive(Debug)]
pub(crate) struct Reports {
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_units: usize,
    /// What waits behind the report of the same attempt that is with the engine.
    chains: Mutex<FxHashMap<TaskId, VecDeque<Unsettled>>>,
}

impl Reports {
    pub(crate) fn new(options: &Options) -> Self {
        let max_units = (options.session_report_bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            count: Arc::new(Semaphore::new(options.session_reports.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(max_units)),
            max_units,
            chains: Mutex::default(),
        }
    }

    /// Waits for room. While it waits nothing is read from the session.
    pub(crate) async fn slot(&self, bytes: usize) -> Result<Slot, Status> {
        let closed = |_| Status::internal("the session is closed");
        let units = u32::try_from((bytes / UNIT_BYTES + 1).min(self.max_units)).unwrap_or(u32::MAX);
        let count = Arc::clone(&self.count).acquire_owned().await.map_err(closed)?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(units).await.map_err(closed)?;
        Ok(Slot { _count: count, _bytes: bytes })
    }

    /// Queues a report. Returns whether its attempt had none under way, so that somebody has to begin.
    fn push(&self, task: &TaskId, unsettled: Unsettled) -> bool {
        let mut chains = self.chains.lock();
        let Some(chain) = chains.get_mut(task) else {
            chains.insert(task.clone(), VecDeque::from([unsettled]));
            return true;
        };
        // A repetition: the acknowledgement of the first serves both.
        if !chain.iter().any(|waiting| waiting.kind == unsettled.kind) {
            chain.push_back(unsettled);
        }
        false
    }

    /// The report that is first in line; it stays there until [`Self::done`].
    fn first(&self, task: &TaskId) -> Option<First> {
        let chains = self.chains.lock();
        let first = chains.get(task).and_then(VecDeque::front)?;
        Some((first.kind, first.report.clone(), first.exchange.clone()))
    }

    fn done(&self, task: &TaskId) -> Option<Slot> {
        let mut chains = self.chains.lock();
        let chain = chains.get_mut(task)?;
        let slot = chain.pop_front().map(|done| done.slot);
        if chain.is_empty() {
            chains.remove(task);
        }
        slot
    }
}

/// What became of bringing a report to the engine.
enum Brought {
    Settled {
        stale: bool,
    },
    /// It is of another family's attempt.
    Refused,
    /// The session ended; its worker repeats the report.
    Abandoned,
}

impl Hub {
    /// Takes a report and goes on with it in the background.
    pub(crate) fn take_report(self: &Arc<Self>, session: &Arc<Session>, incoming: Incoming, slot: Slot) {
        let Incoming { task, kind, report, exchange, .. } = incoming;
        if session.reports.push(&task, Unsettled { kind, report, exchange, slot }) {
            let (hub, session) = (Arc::clone(self), Arc::clone(session));
            self.spawn(async move { hub.settle_chain(&session, task).await });
        }
    }

    async fn settle_chain(&self, session: &Session, task: TaskId) {
        while let Some((kind, report, exchange)) = session.reports.first(&task) {
            match self.bring(session, &task, report, exchange).await {
                Brought::Settled { stale } => {
                    self.change(|state| state.settled(Some(session.id), &task, kind, stale));
                    let slot = session.reports.done(&task);
                    let ack = Ack { task: task.clone(), kind, stale, _slot: slot };
                    self.change(|state| state.acknowledge(session.id, ack));
                }
                Brought::Refused => {
                    tracing::error!(
                        %task,
                        family = &*session.family,
                        worker = &*session.worker,
                        "a worker reports about another family's attempt; its session is closed"
                    );
                    session.end(Status::permission_denied("the attempt is another family's"));
                    return;
                }
                Brought::Abandoned => return,
            }
        }
    }

    /// Brings a report to the engine, again and again while that can't take it.
    async fn bring(
        &self,
        session: &Session,
        task: &TaskId,
        report: Report,
        exchange: Option<Exchange>,
    ) -> Brought {
        let mut backoff = Backoff::new();
        loop {
            let error = match self.try_bring(session, task, report.clone(), exchange.clone()).await {
                Ok(brought) => return brought,
                Err(error) => error,
            };
            if error.kind == ErrorKind::Unavailable {
                tracing::debug!(%task, %error, "a report can't be settled now");
            } else {
                tracing::error!(%task, %error, "a report can't be settled");
            }
            let wait = tokio::time::sleep(backoff.next());
            if session.stop.run_until_cancelled(wait).await.is_none() {
                return Brought::Abandoned;
            }
        }
    }

    async fn try_bring(
        &self,
        session: &Session,
        task: &TaskId,
        report: Report,
        exchange: Option<Exchange>,
    ) -> Result<Brought, newel_engine::Error> {
        let Some(engine) = self.engine() else { return Ok(Brought::Abandoned) };
        match self.standing(&session.family, task) {
            Standing::Known => {}
            Standing::Foreign => return Ok(Brought::Refused),
            Standing::Unknown => match TaskEngine::family(&*engine, task).await? {
                None => return Ok(Brought::Settled { stale: true }),
                Some(family) if family != session.family => return Ok(Brought::Refused),
                Some(_) => {}
            },
        }
        if let Some(exchange) = exchange {
            engine.exchanged(task, exchange);
        }
        let settled = engine.report(task.clone(), report).await?;
        Ok(Brought::Settled { stale: settled == Settled::Stale })
    }
}
