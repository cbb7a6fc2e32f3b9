//! The executions that a map run begins.

use std::sync::Arc;

use newel_asl::plan::Transformation;
use newel_machine::{ChildNames, Info, Input, child_info, kept_of_child};
use newel_store::{ExecutionStatus, Id, Op, OutboxKey, OutboxRow};
use newel_value::{Payload, Str};

use super::News;
use super::record::{Child, MapRunRecord, OpenChild};
use crate::activation::{Loaded, NotDone, Write};
use crate::codec::{OutboxRecord, encode, status_of};
use crate::engine::Inner;
use crate::ids::{arn_key, new_id, shard_of};
use crate::{Error, ErrorKind};

/// What a run learns of a child that has closed.
#[derive(Clone, Debug)]
pub(crate) struct ChildReport {
    /// Which execution.
    pub(super) id: Id,
    /// Its number.
    pub(super) index: u32,
    /// How often it had been redriven.
    pub(super) redrives: u64,
    /// How it ended.
    pub(super) status: ExecutionStatus,
    /// What is kept of it.
    pub(super) kept: Payload,
    /// Whether an outbox row stands for this report.
    pub(super) letter: bool,
}

impl ChildReport {
    /// The outbox row that stands for it, if one may.
    pub(super) fn letter(&self) -> Option<(Id, u64)> {
        self.letter.then_some((self.id, self.redrives))
    }
}

/// What there is to report of a child, if it is closed.
pub(crate) fn report_of(loaded: &Loaded, letter: bool) -> Option<ChildReport> {
    let child = loaded.child.as_ref()?;
    let kept = kept_of_child(&loaded.execution, loaded.stopped_at, child.keep)?;
    Some(ChildReport {
        id: loaded.id,
        index: child.index,
        redrives: loaded.execution.redrives.count,
        status: status_of(loaded.execution.outcome.as_ref()),
        kept,
        letter,
    })
}

/// The row by which a child's end reaches its run even if we die now.
pub(crate) fn child_closed(loaded: &Loaded, ops: &mut Vec<Op>) {
    if let Some(report) = report_of(loaded, true) {
        ops.push(Op::PutOutbox(OutboxRow {
            shard: loaded.id.shard(),
            key: closed_key(report.id, report.redrives),
            record: encode(&OutboxRecord::ChildClosed(loaded.id)),
        }));
    }
}

/// The outbox row of a child's end.
pub(super) fn closed_key(child: Id, redrives: u64) -> OutboxKey {
    let mut key = Vec::with_capacity(25);
    key.extend_from_slice(&child.0);
    key.push(b'c');
    key.extend_from_slice(&redrives.to_be_bytes());
    key.into()
}

/// How a child that was to begin stands.
#[derive(Debug)]
pub(super) enum Begun {
    /// It is open.
    Open,
    /// It has closed already.
    Closed(ChildReport),
}

impl MapRunRecord {
    /// A child's ARN, which is the same whenever it is asked for.
    pub(super) fn child_arn(&self, index: u32) -> Str {
        self.child_names().of(index).0
    }

    fn child_names(&self) -> ChildNames<'_> {
        ChildNames { run_arn: &self.arn, machine_arn: &self.machine_arn, express: self.express_arns }
    }
}

impl Inner {
    /// Begins a child, unless it has begun before.
    pub(super) async fn begin_child(
        self: &Arc<Self>,
        run: Id,
        record: &MapRunRecord,
        info: &Info,
        keep: Transformation,
        open: OpenChild,
        input: Payload,
    ) -> Result<Begun, Error> {
        let parent = self.plan(record.machine, record.revision).await?;
        let plan =
            parent.children.get(&record.state).cloned().ok_or_else(|| {
                Error::new(ErrorKind::Internal, "the map run's state isn't in the definition")
            })?;
        let Ok(_permit) = self.turns.acquire().await else { return Err(Error::shutting_down()) };
        let started_at = self.env.now();
        let info = child_info(info, record.child_names(), open.index, input, started_at);
        let arn = info.arn.clone();
        let id = new_id(&*self.env, shard_of(&arn, self.store.shard_count()), started_at);
        let shard = self.shard(id).ok_or_else(|| Error::new(ErrorKind::Internal, "no such shard"))?;
        let epoch =
            shard.begin(id).ok_or_else(|| Error::unavailable("the shard is changing hands; try again"))?;
        let mut loaded = Loaded::new(id, run, record.revision, epoch, plan, info, None);
        loaded.child = Some(Child {
            run,
            run_arn: record.arn.clone(),
            index: open.index,
            items: open.count,
            machine: record.machine,
            state: record.state.clone(),
            label: record.label.clone(),
            keep,
        });
        loaded.test_case.clone_from(&record.test_case);
        match self.run_turn(Box::new(loaded), vec![Input::Start], Write::Insert).await {
            Ok((loaded, _)) => {
                let report = report_of(&loaded, false);
                self.after_start(id, loaded);
                Ok(report.map_or(Begun::Open, Begun::Closed))
            }
            Err(failed) => {
                shard.give_up(id).into_iter().for_each(|mail| mail.answer(Ok(newel_machine::Reply::Stale)));
                match failed {
                    NotDone::Exists => match self.look_at_child(&arn).await? {
                        Some(Begun::Closed(report)) => Ok(Begun::Closed(report)),
                        Some(Begun::Open) | None => Ok(Begun::Open),
                    },
                    NotDone::Failed(error) => Err(error),
                }
            }
        }
    }

    /// How a child stands that may have begun.
    pub(super) async fn look_at_child(&self, arn: &str) -> Result<Option<Begun>, Error> {
        let Some(row) = self.store.execution_by_arn(arn_key(arn)).await? else { return Ok(None) };
        if row.status == ExecutionStatus::Running {
            return Ok(Some(Begun::Open));
        }
        let Some(epoch) = self.shard(row.id).and_then(crate::shard::Shard::epoch) else {
            return Err(Error::unavailable("the shard is changing hands; try again"));
        };
        let loaded = self.load(row.id, epoch).await?;
        // Whether a row stands for it is unknown; to delete one that doesn't exist is harmless.
        Ok(loaded.map(|loaded| report_of(&loaded, true).map_or(Begun::Open, Begun::Closed)))
    }

    /// Tells a run of a child whose end stands in the outbox, again.
    pub(crate) async fn retell_child(
        self: &Arc<Self>,
        child: Id,
        epoch: newel_store::Epoch,
    ) -> Result<(), Error> {
        let Some(loaded) = self.load(child, epoch).await? else { return Ok(()) };
        if let (Some(of), Some(report)) = (&loaded.child, report_of(&loaded, true)) {
            self.tell_map_run(of.run, &of.run_arn, News::Closed(report));
        }
        Ok(())
    }
}
