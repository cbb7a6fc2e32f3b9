//! Executions: start, describe, stop, list, and their histories.

use std::sync::Arc;

use newel_asl::arn::{ExecutionArn, ExpressExecutionArn, Home, Qualifier};
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, EventId, Fault, Info, Input, Outcome, TaskReport};
use newel_store::{ExecutionFilter, ExecutionRow, ExecutionStatus, ExecutionsPage, HistoryOrder, Id};
use newel_value::{Payload, Str};

use crate::activation::{Loaded, NotDone, Write};
use crate::codec::{ExecutionRecord, INPUT_ROW, OUTPUT_ROW, Unreadable, decode, decode_events};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of, uuid};
use crate::machines::{own, refuse_deleting};
use crate::mail::What;
use crate::map_runs::MapRunRecord;
use crate::page::Cursor;
use crate::request::{
    Execution, ExecutionItem, ExecutionsOf, GetHistory, ListExecutions, MachineType, MapOfChild, Page,
    StartExecution, StartedExecution, StateMachine, Tenant, TokenReport,
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

/// How many executions one call looks at for those that a filter leaves in.
const SCANNED_ROWS: usize = 200;
const SCANNED_PAGES: usize = 10;

/// Which executions of a list are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Those with rows in one of these statuses; in any if there are none.
    pub(crate) statuses: &'static [ExecutionStatus],
    /// Only those that stopped before.
    pub(crate) before: Option<Timestamp>,
    /// Only those that stopped then or later.
    pub(crate) from: Option<Timestamp>,
}

impl Reach {
    const ALL: Self = Self { statuses: &[], before: None, from: None };

    /// Those with rows in a status.
    pub(crate) fn of(status: ExecutionStatus) -> Self {
        let at = ExecutionStatus::ALL.iter().position(|one| *one == status);
        let statuses = at.map_or(&[][..], |at| &ExecutionStatus::ALL[at..=at]);
        Self { statuses, ..Self::ALL }
    }
}

/// Some events of a history.
pub(crate) struct Events {
    pub(crate) events: Vec<Event>,
    /// The first that was left out.
    pub(crate) next: Option<EventId>,
}

impl Inner {
    pub(crate) async fn start(self: &Arc<Self>, request: StartExecution) -> Result<StartedExecution, Error> {
        // Held to the end: a deletion waits for those who hold the machine as it was before.
        let target = self.target(&request.tenant, &request.state_machine_arn).await?;
        let machine = &target.machine;
        refuse_deleting(machine)?;
        self.check_room().await?;
        if machine.record.machine_type == MachineType::Express {
            return self.start_express(request, &target).await;
        }
        let test_case = self.mocked.of_start(&request, &machine.record.name)?;
        let generated = request.name.is_none();
        let name = request.name.unwrap_or_else(|| uuid(&*self.env).into());
        let arn: Str = format!(
            "arn:aws:states:{}:{}:execution:{}:{name}",
            request.tenant.region, request.tenant.account, machine.record.name
        )
        .into();
        if let Err(full) = self.check_open(&request.tenant) {
            // What is there already needs no room.
            let taken = !generated && self.store.execution_by_arn(arn_key(&arn)).await?.is_some();
            let again = self.repeated_start(&arn, &request.input, request.test_case.as_ref());
            return if taken { again.await } else { Err(full) };
        }
        let plan = self.plan(machine.row.id, target.revision).await?;
        let Ok(_permit) = self.turns.acquire().await else { return Err(Error::shutting_down()) };
        let started_at = self.env.now();
        let info = Info {
            arn: arn.clone(),
            name,
            machine_arn: machine.record.arn.clone(),
            machine_name: machine.record.name.clone(),
            role_arn: plan.role_arn.clone(),
            account: request.tenant.account.clone(),
            region: request.tenant.region.clone(),
            started_at,
            input: request.input.clone(),
            alias_arn: target.alias_arn.clone(),
            version_arn: target.version_arn.clone(),
        };
        let id = new_id(&*self.env, shard_of(&arn, self.store.shard_count()), started_at);
        let shard = self.shard(id).ok_or_else(|| Error::new(ErrorKind::Internal, "no such shard"))?;
        // Nobody can name the execution before its first commit, but its own effects can as soon as that is done.
        let epoch =
            shard.begin(id).ok_or_else(|| Error::unavailable("the shard is changing hands; try again"))?;
        let trace_header = request.trace_header;
        let mut loaded =
            Box::new(Loaded::new(id, machine.row.id, target.revision, epoch, plan, info, trace_header));
        loaded.test_case = test_case;
        match self.run_turn(loaded, vec![Input::Start], Write::Insert).await {
            Ok((loaded, _)) => {
                self.after_start(id, loaded);
                Ok(StartedExecution { arn, started_at })
            }
            Err(failed) => {
                shard.give_up(id).into_iter().for_each(|mail| mail.answer(Ok(newel_machine::Reply::Stale)));
                match failed {
                    NotDone::Exists if !generated => {
                        self.repeated_start(&arn, &request.input, request.test_case.as_ref()).await
                    }
                    NotDone::Exists => Err(Error::unavailable("the generated name is taken; try again")),
                    NotDone::Failed(error) => Err(error),
                }
            }
        }
    }

    /// Goes on with a started execution where there is anything to go on with.
    pub(crate) fn after_start(self: &Arc<Self>, id: Id, loaded: Box<Loaded>) {
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
    async fn repeated_start(
        &self,
        arn: &str,
        input: &Payload,
        test_case: Option<&Str>,
    ) -> Result<StartedExecution, Error> {
        let taken =
            || Error::new(ErrorKind::ExecutionAlreadyExists, format!("Execution Already Exists: '{arn}'"));
        let row = self.store.execution_by_arn(arn_key(arn)).await?.ok_or_else(taken)?;
        let first: ExecutionRecord = decode(&row.record)?;
        if first.test_case.as_ref().map(|case| &case.name) != test_case {
            return Err(taken());
        }
        let execution = self.execution_of(row).await?;
        if let Some(withheld) = execution.withheld {
            return Err(withheld);
        }
        if execution.status == ExecutionStatus::Running && execution.input == *input {
            return Ok(StartedExecution { arn: execution.arn, started_at: execution.started_at });
        }
        Err(taken())
    }

    /// The row of an execution, if it is this tenant's and there is one.
    pub(crate) async fn execution_row_of(&self, tenant: &Tenant, arn: &str) -> Result<ExecutionRow, Error> {
        let parsed: ExecutionArn =
            arn.parse().map_err(|why| Error::new(ErrorKind::InvalidArn, format!("{why}")))?;
        self.row_at(&parsed.home, tenant, arn).await
    }

    /// As [`Self::execution_row_of`], of the Express children of map runs too, which are described like others but have no history,
    /// and aren't stopped or redriven by themselves.
    async fn row_to_describe(&self, tenant: &Tenant, arn: &str) -> Result<ExecutionRow, Error> {
        match arn.parse() {
            Ok(ExpressExecutionArn { home, label: Some(_), .. }) => self.row_at(&home, tenant, arn).await,
            _ => self.execution_row_of(tenant, arn).await,
        }
    }

    async fn row_at(&self, home: &Home, tenant: &Tenant, arn: &str) -> Result<ExecutionRow, Error> {
        if home.account != tenant.account || home.region != tenant.region {
            return Err(Error::no_execution(arn));
        }
        self.store.execution_by_arn(arn_key(arn)).await?.ok_or_else(|| Error::no_execution(arn))
    }

    pub(crate) async fn describe(&self, tenant: &Tenant, arn: &str) -> Result<Execution, Error> {
        let row = self.row_to_describe(tenant, arn).await?;
        self.execution_of(row).await
    }

    /// An execution; without its payloads if they are under a key that can't be used.
    async fn execution_of(&self, row: ExecutionRow) -> Result<Execution, Error> {
        let mut frames = self.store.frames(row.id).await?;
        frames.retain(|frame| [INPUT_ROW, OUTPUT_ROW].contains(&&*frame.path));
        let opened = self.opened_execution(&row).and_then(|record| Ok((record, self.opened_frames(frames)?)));
        let (record, frames, withheld) = match opened {
            Ok((record, frames)) => (record, frames, None),
            Err(withheld) if withheld.kind.is_key() => {
                let mut record: ExecutionRecord = decode(&row.record)?;
                record.forget_secrets();
                (record, Vec::new(), Some(withheld))
            }
            Err(error) => return Err(error),
        };
        let redrivable = self.redrivable(&row, &record).await?;
        let status = self.child_status(&row, &record).await?;
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
            status,
            started_at: record.started_at,
            stopped_at: row.stopped_at,
            input: record.input.payload(|| payload_apart(&frames, INPUT_ROW))?,
            output,
            fault,
            trace_header: record.trace_header,
            alias_arn: record.alias_arn,
            version_arn: record.version_arn,
            redrive_count: record.redrives.count,
            redriven_at: record.redrives.last,
            redrivable,
            map_run_arn: record.child.map(|child| child.run_arn),
            withheld,
        })
    }

    pub(crate) async fn machine_for_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
    ) -> Result<StateMachine, Error> {
        let row = self.row_to_describe(tenant, arn).await?;
        let record: ExecutionRecord = decode(&row.record)?;
        let Some(child) = record.child else {
            let revision = self.revision(row.machine, record.revision).await?;
            let shown = self.shown_machine(revision, record.revision, false);
            return Ok(self.with_references(shown, row.machine, record.revision).await);
        };
        let revision = self.revision(child.machine, record.revision).await?;
        let mut machine = self.shown_machine(revision, record.revision, false);
        // What AWS shows of a child is the part of the definition that it runs.
        let plan = self.plan(child.machine, record.revision).await?;
        if let Some((.., distributed)) = plan.plan.distributed_map(&child.state) {
            machine.definition = distributed.definition.clone();
        }
        (machine.arn, machine.name) = (record.machine_arn, record.machine_name);
        machine.map = Some(MapOfChild { label: child.label, map_run_arn: Some(child.run_arn) });
        Ok(machine)
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

    /// A page of executions. Those that a filter leaves out cost a read all the same, so a page of a list in which few are
    /// left can be short, even empty, and still have a next one.
    pub(crate) async fn list(&self, request: ListExecutions) -> Result<Page<ExecutionItem>, Error> {
        let ListExecutions { tenant, of, status, redriven, limit, after } = request;
        let (machine, run, started_by) = match of {
            ExecutionsOf::StateMachine(arn) => {
                let qualifier = own(&tenant, &arn)?.qualifier;
                let machine = self.target(&tenant, &arn).await?.machine;
                if machine.record.machine_type == MachineType::Express {
                    return Err(Error::wrong_type());
                }
                (machine.row.id, None, qualifier.map(|qualifier| (qualifier, arn)))
            }
            ExecutionsOf::MapRun(arn) => {
                let row = self.map_run_row(&tenant, &arn).await?;
                (row.id, Some(decode::<MapRunRecord>(&row.record)?), None)
            }
        };
        let reach = match (&run, status) {
            (Some(run), Some(status)) => run.children_shown_as(status),
            (None, Some(status)) => Reach::of(status),
            (_, None) => Reach::ALL,
        };
        let wanted = |item: &ExecutionItem| {
            let by = started_by.as_ref().is_none_or(|(qualifier, arn)| match qualifier {
                Qualifier::Version(_) => item.version_arn.as_ref() == Some(arn),
                Qualifier::Alias(_) => item.alias_arn.as_ref() == Some(arn),
            });
            by && redriven.is_none_or(|redriven| redriven == (item.redrive_count > 0))
        };
        let filtered = started_by.is_some() || redriven.is_some();
        let at_once = if filtered { SCANNED_ROWS } else { limit + 1 };
        let (mut items, mut last) = (Vec::new(), None);
        let mut after = Cursor::instant(after.as_deref())?;
        for _ in 0..SCANNED_PAGES {
            let (rows, more) = self.rows_of(machine, reach, after, at_once).await?;
            for row in rows {
                after = Some((row.sort_at, row.id));
                let item = match item(&row, run.as_ref()) {
                    Ok(item) => item,
                    Err(error) => {
                        tracing::error!(execution = %row.id, %error, "an execution is left out of a list");
                        continue;
                    }
                };
                if !wanted(&item) {
                    continue;
                }
                if items.len() == limit {
                    return Ok(Page { items, next: last });
                }
                last = after.map(|(at, id)| Cursor::Instant(at, id).to_string());
                items.push(item);
            }
            if !more {
                return Ok(Page { items, next: None });
            }
        }
        Ok(Page { items, next: after.map(|(at, id)| Cursor::Instant(at, id).to_string()) })
    }

    /// The next rows of a list, newest first, and whether there may be more.
    async fn rows_of(
        &self,
        machine: Id,
        reach: Reach,
        after: Option<(Timestamp, Id)>,
        limit: usize,
    ) -> Result<(Vec<ExecutionRow>, bool), Error> {
        let after = after.or(reach.before.map(|before| (before, Id::MIN)));
        let page = |status| ExecutionsPage { filter: ExecutionFilter { machine, status }, after, limit };
        let mut rows = Vec::new();
        for status in reach.statuses {
            rows.extend(self.store.executions(page(Some(*status))).await?);
        }
        match reach.statuses {
            [] => rows = self.store.executions(page(None)).await?,
            [_] => {}
            // Each list was read as far as the whole page could reach.
            _ => {
                rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.sort_at, row.id)));
                rows.truncate(limit);
            }
        }
        let more = rows.len() == limit;
        let reached = rows.partition_point(|row| reach.from.is_none_or(|from| row.sort_at >= from));
        rows.truncate(reached);
        Ok((rows, more && reached == limit))
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
            let rows = self.opened_history(self.store.history(execution, next, order, at_once).await?)?;
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

/// An execution as lists have it.
fn item(row: &ExecutionRow, run: Option<&MapRunRecord>) -> Result<ExecutionItem, Unreadable> {
    let record: ExecutionRecord = decode(&row.record)?;
    let status = run.map_or(row.status, |run| run.shown_status(row));
    let (map_run_arn, item_count) = record.child.map(|child| (child.run_arn, u64::from(child.items))).unzip();
    Ok(ExecutionItem {
        arn: record.arn,
        name: record.name,
        state_machine_arn: record.machine_arn,
        status,
        started_at: record.started_at,
        stopped_at: row.stopped_at,
        redrive_count: record.redrives.count,
        redriven_at: record.redrives.last,
        map_run_arn,
        item_count,
        alias_arn: record.alias_arn,
        version_arn: record.version_arn,
    })
}
