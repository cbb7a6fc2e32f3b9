//! Redriving executions: whether one may be, and having it go on.

use std::sync::Arc;

use newel_asl::limits::Limits;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Detail, Event, EventId, Input, Reply};
use newel_store::{ExecutionRow, ExecutionStatus};
use newel_value::Str;

use crate::codec::{ExecutionRecord, decode};
use crate::engine::Inner;
use crate::ids::arn_key;
use crate::mail::What;
use crate::observer::Committed;
use crate::request::{Redrivable, Tenant};
use crate::{Error, ErrorKind};

impl Inner {
    /// Has an execution that ended badly go on, and tells when it was told to.
    pub(crate) async fn redrive(
        self: &Arc<Self>,
        tenant: &Tenant,
        arn: &str,
        token: Option<Str>,
    ) -> Result<Timestamp, Error> {
        let row = self.execution_row_of(tenant, arn).await?;
        if let Some(at) = self.redriven_before(&row, token.as_deref())? {
            return Ok(at);
        }
        match self.redrivable(&row, &decode(&row.record)?).await? {
            Redrivable::Yes => {}
            Redrivable::No(why) => return Err(not_redrivable(&why)),
            Redrivable::ByMapRun => {
                return Err(not_redrivable("Execution was started by a Map Run and is redriven with it"));
            }
        }
        self.check_room().await?;
        self.check_open(tenant)?;
        let reply = self.ask(row.id, What::Input(Input::Redrive { token: token.clone() })).await?;
        let row = self.store.execution(row.id).await?.ok_or_else(|| Error::no_execution(arn))?;
        match (reply, self.redriven_before(&row, token.as_deref())?) {
            // A request with the same token was quicker.
            (Reply::Stale, Some(at)) => Ok(at),
            (Reply::Stale, None) => Err(not_redrivable("Execution is RUNNING and cannot be redriven")),
            (Reply::Accepted, _) => {
                let record: ExecutionRecord = decode(&row.record)?;
                record
                    .redrives
                    .last
                    .ok_or_else(|| Error::new(ErrorKind::Internal, "a redrive has left no trace"))
            }
        }
    }

    /// When a request with this token redrove the execution, if one did lately.
    fn redriven_before(&self, row: &ExecutionRow, token: Option<&str>) -> Result<Option<Timestamp>, Error> {
        let Some(token) = token else { return Ok(None) };
        let record: ExecutionRecord = decode(&row.record)?;
        Ok(record.redrives.redriven_by(token, self.env.now()))
    }

    /// Whether an execution could be redriven now.
    pub(crate) async fn redrivable(
        &self,
        row: &ExecutionRow,
        record: &ExecutionRecord,
    ) -> Result<Redrivable, Error> {
        let own = redrivable(row, record, &self.limits, self.env.now());
        if own != Redrivable::Yes {
            return Ok(own);
        }
        if record.child.is_some() {
            return Ok(Redrivable::ByMapRun);
        }
        // One that is gone has been deleted.
        let machine = self.snapshot(arn_key(&record.machine_arn)).await?;
        if machine.is_none_or(|machine| machine.record.deleting) {
            return Ok(Redrivable::No("State machine is in DELETING status.".into()));
        }
        Ok(Redrivable::Yes)
    }
}

impl Inner {
    /// Whether a child of a map run could go on when its run is redriven.
    pub(crate) fn redrivable_child(&self, row: &ExecutionRow, record: &ExecutionRecord) -> Redrivable {
        redrivable(row, record, &self.limits, self.env.now())
    }
}

/// Whether an execution could be redriven, as far as it depends on nothing but itself.
fn redrivable(row: &ExecutionRow, record: &ExecutionRecord, limits: &Limits, now: Timestamp) -> Redrivable {
    let standing = Standing {
        status: row.status,
        last_event: record.last_event,
        started_at: record.started_at,
        stopped_at: row.stopped_at,
    };
    standing.redrivable(limits, now)
}

/// What of an execution decides whether it could be redriven.
#[derive(Clone, Copy, Debug)]
struct Standing {
    status: ExecutionStatus,
    last_event: EventId,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
}

impl Standing {
    fn redrivable(self, limits: &Limits, now: Timestamp) -> Redrivable {
        let after = |at: Timestamp, seconds: u64| {
            at.plus_millis(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000))
        };
        let closed_badly = matches!(
            self.status,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted
        );
        if !closed_badly {
            return Redrivable::No(
                format!("Execution is {} and cannot be redriven", self.status.name()).into(),
            );
        }
        // The history must have room for the redrive and one more event.
        if self.last_event.saturating_add(1) >= limits.history_events {
            return Redrivable::No("Execution history event limit exceeded.".into());
        }
        if after(self.started_at, limits.execution_seconds) <= now {
            return Redrivable::No("Execution has exceeded the max execution time.".into());
        }
        if self.stopped_at.is_some_and(|stopped| after(stopped, limits.redrive_seconds) <= now) {
            return Redrivable::No("Execution redrivable period exceeded.".into());
        }
        Redrivable::Yes
    }
}

/// The status that an event gives its execution, if it gives it one.
const fn status_after(event: &Event) -> Option<ExecutionStatus> {
    Some(match event.detail {
        Detail::ExecutionStarted { .. } | Detail::ExecutionRedriven { .. } => ExecutionStatus::Running,
        Detail::ExecutionSucceeded { .. } => ExecutionStatus::Succeeded,
        Detail::ExecutionFailed(_) => ExecutionStatus::Failed,
        Detail::ExecutionTimedOut(_) => ExecutionStatus::TimedOut,
        Detail::ExecutionAborted(_) => ExecutionStatus::Aborted,
        _ => return None,
    })
}

impl Committed<'_> {
    /// Whether the execution could be redriven as it is right after one of the events; `None` if that event leaves its status as it
    /// was. That its state machine may be being deleted isn't looked up.
    #[must_use]
    pub fn redrivable_after(&self, event: &Event) -> Option<Redrivable> {
        let status = status_after(event)?;
        let standing = Standing {
            status,
            last_event: event.id,
            started_at: self.info.started_at,
            stopped_at: (status != ExecutionStatus::Running).then_some(event.timestamp),
        };
        Some(match standing.redrivable(self.limits, event.timestamp) {
            Redrivable::Yes if self.is_child => Redrivable::ByMapRun,
            own => own,
        })
    }
}

fn not_redrivable(why: &str) -> Error {
    Error::new(ErrorKind::ExecutionNotRedrivable, format!("Execution Not Redrivable: '{why}'"))
}
