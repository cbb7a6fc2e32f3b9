//! Executions: start, describe, stop, list, and their histories.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use newel_asl::arn::ExecutionArn;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, EventId, Fault, Info, Input, Outcome, TaskReport};
use newel_store::{ExecutionFilter, ExecutionRow, ExecutionStatus, ExecutionsPage, HistoryOrder, Id};
use newel_value::{Payload, Str};

use crate::activation::{Loaded, NotDone, Write};
use crate::codec::{ExecutionRecord, INPUT_ROW, OUTPUT_ROW, decode, decode_events};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of, uuid};
use crate::machines::{refuse_deleting, shown_machine};
use crate::mail::What;
use crate::page::{Cursor, page};
use crate::request::{
    Execution, ExecutionItem, GetHistory, MachineType, Page, StartExecution, StartedExecution, StateMachine,
    Tenant, TokenReport,
};
use crate::rows::payload_apart;
use crate::token::account_bytes;
use crate::{Error, ErrorKind};

/// Rows of a history that are read at a time. Each holds the events of a turn, of which there can be many and large ones, so
/// a reader begins with few and takes more as long as they prove short.
const FEW_ROWS: usize = 4;
const MANY_ROWS: usize = 64;
/// Not below any event's id, and within what stores can hold.
const LAST_EVENT: u64 = u64::MAX >> 1;

/// Bytes of text after which a page of events ends, so that no answer grows beyond what clients take (gRPC's default is
/// 4 MiB). One event may be larger, and then goes alone.
const PAGE_BYTES: usize = 3 << 20;

/// Some events of a history.
pub(crate) struct Events {
    pub(crate) events: Vec<Event>,
    /// The first that was left out.
    pub(crate) next: Option<EventId>,
}

impl Inner {
    pub(crate) async fn start(self: &Arc<Self>, request: StartExecution) -> Result<StartedExecution, Error> {
        // Held to the end: a deletion waits for those who hold the machine as it was before.
        let machine = self.machine(&request.tenant, &request.state_machine_arn).await?;
        refuse_deleting(&machine)?;
        self.check_room().await?;
        if machine.record.machine_type == MachineType::Express {
            return self.start_express(request, &machine).await;
        }
        self.check_open()?;
        let generated = request.name.is_none();
        let name = request.name.unwrap_or_else(|| uuid(&*self.env).into());
        let arn: Str = format!(
            "arn:aws:states:{}:{}:execution:{}:{name}",
            request.tenant.region, request.tenant.account, machine.record.name
        )
        .into();
        let plan = self.plan(machine.row.id, machine.record.revision).await?;
        let Ok(_permit) = self.turns.acquire().await else { return Err(Error::shutting_down()) };
        let started_at = self.env.now();
        let info = Info {
            arn: arn.clone(),
            name,
            machine_arn: machine.record.arn.clone(),
            machine_name: machine.record.name.clone(),
            role_arn: machine.revision.role_arn.clone(),
            account: request.tenant.account.clone(),
            region: request.tenant.region.clone(),
            started_at,
            input: request.input.clone(),
            alias_arn: None,
            version_arn: None,
        };
        let id = new_id(&*self.env, shard_of(&arn, self.store.shard_count()), started_at);
        let shard = self.shard(id).ok_or_else(|| Error::new(ErrorKind::Internal, "no such shard"))?;
        // Nobody can name the execution before its first commit, but its own effects can as soon as that is done.
        let epoch =
            shard.begin(id).ok_or_else(|| Error::unavailable("the shard is changing hands; try again"))?;
        let loaded = Box::new(Loaded::new(
            id,
            machine.row.id,
            machine.record.revision,
            epoch,
            plan,
            info,
            request.trace_header,
        ));
        match self.run_turn(loaded, vec![Input::Start], Write::Insert).await {
            Ok((loaded, _)) => {
                self.after_start(id, loaded);
                Ok(StartedExecution { arn, started_at })
            }
            Err(failed) => {
                shard.give_up(id).into_iter().for_each(|mail| mail.answer(Ok(newel_machine::Reply::Stale)));
                match failed {
                    NotDone::Exists if !generated => self.repeated_start(&arn, &request.input).await,
                    NotDone::Exists => Err(Error::unavailable("the generated name is taken; try again")),
                    NotDone::Failed(error) => Err(error),
                }
            }
        }
    }

    /// Goes on with a started execution where there is anything to go on with.
    fn after_start(self: &Arc<Self>, id: Id, loaded: Box<Loaded>) {
        let inner = Arc::clone(self);
        let mut finished = Some(loaded);
        let ready = finished.as_ref().is_some_and(|loaded| loaded.execution.is_ready());
        let Some(shard) = self.shard(id) else { return };
        if !ready && shard.end_if_quiet(id, &mut finished) {
            return;
        }
        self.env.spawn(Box::pin(async move { inner.activate(id, finished).await }));
    }

    /// A start by a name that is taken: the same request of an open execution is answered again.
    async fn repeated_start(&self, arn: &str, input: &Payload) -> Result<StartedExecution, Error> {
        let taken =
            || Error::new(ErrorKind::ExecutionAlreadyExists, format!("Execution Already Exists: '{arn}'"));
        let row = self.store.execution_by_arn(arn_key(arn)).await?.ok_or_else(taken)?;
        let execution = self.execution_of(row).await?;
        if execution.status == ExecutionStatus::Running && execution.input == *input {
            return Ok(StartedExecution { arn: execution.arn, started_at: execution.started_at });
        }
        Err(taken())
    }

    fn check_open(&self) -> Result<(), Error> {
        let open = u64::try_from(self.open.load(Ordering::Relaxed)).unwrap_or(0);
        if open >= self.limits.open_executions {
            return Err(Error::new(
                ErrorKind::ExecutionLimitExceeded,
                format!("Execution Limit Exceeded: there are {open} open executions"),
            ));
        }
        Ok(())
    }

    /// The row of an execution, if it is this tenant's and there is one.
    pub(crate) async fn execution_row_of(&self, tenant: &Tenant, arn: &str) -> Result<ExecutionRow, Error> {
        let parsed: ExecutionArn =
            arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
        if parsed.home.account != tenant.account || parsed.home.region != tenant.region {
            return Err(Error::no_execution(arn));
        }
        self.store.execution_by_arn(arn_key(arn)).await?.ok_or_else(|| Error::no_execution(arn))
    }

    pub(crate) async fn describe(&self, tenant: &Tenant, arn: &str) -> Result<Execution, Error> {
        let row = self.execution_row_of(tenant, arn).await?;
        self.execution_of(row).await
    }

    async fn execution_of(&self, row: ExecutionRow) -> Result<Execution, Error> {
        let record: ExecutionRecord = decode(&row.record)?;
        let frames = self.store.frames(row.id).await?;
        let (output, fault) = match record.outcome {
            None => (None, Fault::default()),
            Some(outcome) => match outcome.outcome(|| payload_apart(&frames, OUTPUT_ROW))? {
                Outcome::Succeeded(output) => (Some(output), Fault::default()),
                Outcome::Failed(fault) | Outcome::TimedOut(fault) | Outcome::Aborted(fault) => (None, fault),
            },
        };
        Ok(Execution {
            arn: record.arn,
            name: record.name,
            state_machine_arn: record.machine_arn,
            status: row.status,
            started_at: record.started_at,
            stopped_at: row.stopped_at,
            input: record.input.payload(|| payload_apart(&frames, INPUT_ROW))?,
            output,
            fault,
            trace_header: record.trace_header,
        })
    }

    pub(crate) async fn machine_for_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
    ) -> Result<StateMachine, Error> {
        let row = self.execution_row_of(tenant, arn).await?;
        let record: ExecutionRecord = decode(&row.record)?;
        let revision = self.revision(row.machine, record.revision).await?;
        Ok(shown_machine(revision, record.revision, false))
    }

    pub(crate) async fn stop_execution(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        fault: Fault,
    ) -> Result<Timestamp, Error> {
        let row = self.execution_row_of(tenant, arn).await?;
        if row.status == ExecutionStatus::Running {
            self.ask(row.id, What::stop(fault)).await?;
        }
        let row = self.store.execution(row.id).await?.ok_or_else(|| Error::no_execution(arn))?;
        row.stopped_at.ok_or_else(|| Error::unavailable("the execution is not stopped yet; try again"))
    }

    pub(crate) async fn list(
        &self,
        tenant: &Tenant,
        machine_arn: &str,
        status: Option<ExecutionStatus>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<ExecutionItem>, Error> {
        let machine = self.machine(tenant, machine_arn).await?;
        if machine.record.machine_type == MachineType::Express {
            return Err(Error::wrong_type());
        }
        let rows = self
            .store
            .executions(ExecutionsPage {
                filter: ExecutionFilter { machine: machine.row.id, status },
                after: Cursor::instant(after)?,
                limit: limit + 1,
            })
            .await?;
        Ok(page(
            rows,
            limit,
            |row| Cursor::Instant(row.sort_at, row.id),
            |row| {
                let record: ExecutionRecord = decode(&row.record)?;
                Ok(ExecutionItem {
                    arn: record.arn,
                    name: record.name,
                    state_machine_arn: record.machine_arn,
                    status: row.status,
                    started_at: record.started_at,
                    stopped_at: row.stopped_at,
                })
            },
        ))
    }

    pub(crate) async fn history(&self, request: GetHistory) -> Result<Page<Event>, Error> {
        let row = self.execution_row_of(&request.tenant, &request.execution_arn).await?;
        let first = if request.reverse { LAST_EVENT } else { 1 };
        let from = Cursor::event(request.after.as_deref())?.unwrap_or(first);
        let Events { events, next } = self.events(row.id, from, request.reverse, request.limit).await?;
        Ok(Page { items: events, next: next.map(|event| Cursor::Event(event).to_string()) })
    }

    /// Up to `limit` events from one on, in either direction; fewer where they would be more than [`PAGE_BYTES`].
    pub(crate) async fn events(
        &self,
        execution: Id,
        from: EventId,
        reverse: bool,
        limit: usize,
    ) -> Result<Events, Error> {
        let order = if reverse { HistoryOrder::Reverse } else { HistoryOrder::Forward };
        let mut page = Events { events: Vec::new(), next: None };
        let mut bytes = 0;
        let mut next = from;
        let mut at_once = FEW_ROWS;
        loop {
            let rows = self.store.history(execution, next, order, at_once).await?;
            at_once = (2 * at_once).min(MANY_ROWS);
            let Some(last) = rows.last() else { return Ok(page) };
            next = if reverse { last.first.saturating_sub(1) } else { last.last + 1 };
            for row in &rows {
                let mut of_row = decode_events(&row.record)?;
                if reverse {
                    of_row.reverse();
                }
                for event in of_row.into_iter().filter(|e| if reverse { e.id <= from } else { e.id >= from })
                {
                    bytes += event.bytes();
                    let full = page.events.len() == limit || bytes > PAGE_BYTES && !page.events.is_empty();
                    if full {
                        page.next = Some(event.id);
                        return Ok(page);
                    }
                    page.events.push(event);
                }
            }
            if next == 0 {
                return Ok(page);
            }
        }
    }

    pub(crate) async fn send(
        self: &Arc<Self>,
        tenant: &Tenant,
        token: &str,
        report: TokenReport,
    ) -> Result<(), Error> {
        let invalid = || Error::new(ErrorKind::InvalidToken, "Invalid Token: 'Invalid token'");
        let token = self.tokens.read(token).ok_or_else(invalid)?;
        if token.account != account_bytes(&tenant.account) {
            return Err(invalid());
        }
        let report = match report {
            TokenReport::Success(output) => TaskReport::Succeeded(output),
            TokenReport::Failure(fault) => TaskReport::Failed(fault),
            TokenReport::Heartbeat => TaskReport::Heartbeat,
        };
        let what = What::Token { entry: token.entry, attempt: token.attempt, secret: token.secret, report };
        match self.ask(token.execution, what).await? {
            newel_machine::Reply::Accepted => Ok(()),
            newel_machine::Reply::Stale => Err(Error::new(
                ErrorKind::TaskTimedOut,
                "Task Timed Out: 'Provided task does not exist anymore'",
            )),
        }
    }
}
