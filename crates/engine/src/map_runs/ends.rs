//! Ends: what becomes of a run's children is counted, and what becomes of the run is settled and told.

use newel_asl::error;
use newel_machine::{
    Fault, Input, MapRunKey, MapRunReport, Reply, StateResult, transfer_fault, where_written,
};
use newel_store::{FrameRow, Op};
use newel_value::Payload;

use super::children::ChildReport;
use super::life_key;
use super::record::{Ending, Life, MapReport, MapRunStatus, OUTPUT_ROW, RedriveCursor};
use super::results::{finish, keep};
use super::transfers::TransferReport;
use super::work::{Errand, Run};
use crate::codec::{decode, encode};
use crate::mail::What;
use crate::task::Report;
use crate::{Error, ErrorKind};

impl Run<'_> {
    /// Counts the end of a child, once, and gives what is kept of it.
    pub(super) fn count(&mut self, report: ChildReport) -> Option<(u32, Payload)> {
        let open = self.record.open.binary_search_by_key(&report.index, |child| child.index).ok()?;
        if self.record.open[open].redrives != report.redrives {
            return None;
        }
        let child = self.record.open.remove(open);
        self.record.children.closed(report.status, 1);
        self.record.items.closed(report.status, u64::from(child.count));
        self.changed = true;
        Some((report.index, report.kept))
    }

    /// Keeps results for the state's own; those that go elsewhere are read again when they are written.
    pub(super) fn keep(&mut self, results: Vec<(u32, Payload)>) {
        if self.plan.settings.destination.is_none() {
            let state = self.record.state.clone();
            keep(self.state_result(&state), &mut self.record, self.id, results, &mut self.ops);
        }
    }

    fn state_result<'s>(&self, state: &'s str) -> StateResult<'s> {
        let transformation = self.plan.settings.transformation;
        StateResult { state, transformation, limit: self.inner.limits.payload_bytes }
    }

    /// Takes what a worker says of the transfer that is under way; anything else is stale.
    pub(super) fn transferred(&mut self, told: TransferReport) {
        let under_way = self.errand.as_ref().is_some_and(|errand| errand.task() == &told.task);
        let Some(errand) = self.errand.take_if(|_| under_way) else { return told.refuse() };
        match (told.report, errand) {
            (Report::Submitted { .. } | Report::Heartbeat, errand) => self.errand = Some(errand),
            // Nobody asked for that: it is ordered again.
            (Report::Cancelled, _) => {}
            (Report::Succeeded(page), Errand::Read(_)) => {
                if let Err(fault) = self.take_page(page) {
                    self.fail(fault);
                }
            }
            (Report::Succeeded(answer), Errand::Write(_, next)) => self.written(&answer, next),
            (Report::Failed { error, cause }, Errand::Read(_)) => {
                self.fail(transfer_fault(error::ITEM_READER_FAILED, error, cause));
            }
            (Report::Failed { error, cause }, Errand::Write(..)) => {
                self.cannot_write(transfer_fault(error::RESULT_WRITER_FAILED, error, cause));
            }
        }
        self.due.settled.push(told.answer);
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        if self.record.ending.is_none() {
            self.record.ending = Some(Ending::Failed(fault));
        }
        self.changed = true;
    }

    /// The run is over: settles how.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        let rows = self.inner.opened_frames(self.inner.store.frames(self.id).await?)?;
        let report = match self.record.ending.take() {
            Some(Ending::Aborted) => None,
            Some(Ending::Failed(fault)) => Some(MapReport::Failed(fault)),
            None => match self.result(&rows)? {
                Ok(output) => Some(MapReport::Succeeded(output)),
                Err(fault) => Some(MapReport::Failed(fault)),
            },
        };
        self.record.status = match &report {
            None => MapRunStatus::Aborted,
            Some(MapReport::Failed(_)) => MapRunStatus::Failed,
            Some(MapReport::Succeeded(_)) => MapRunStatus::Succeeded,
        };
        self.record.stopped_at = Some(self.inner.env.now());
        self.permit = None;
        self.changed = true;
        let life = self.record.redrives;
        match report {
            Some(report) => {
                let row = FrameRow { execution: self.id, path: OUTPUT_ROW.into(), record: encode(&report) };
                self.ops.push(Op::PutFrame(row));
            }
            None => self.end_life(life, false),
        }
        Ok(())
    }

    /// The run's result; rows that are about to be written count too.
    fn result(&self, rows: &[FrameRow]) -> Result<Result<Payload, Fault>, Error> {
        if self.plan.settings.destination.is_some() {
            return Ok(Ok(where_written(&self.plan.settings, &self.record.arn)));
        }
        let mut rows = rows.to_vec();
        rows.extend(self.ops.iter().filter_map(|op| match op {
            Op::PutFrame(row) => Some(row.clone()),
            _ => None,
        }));
        finish(self.state_result(&self.record.state), &self.record, &rows)
    }

    /// Nobody waits for a life any more.
    fn end_life(&mut self, life: u64, taken: bool) {
        self.record.told = true;
        self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Run(life))));
        self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(life))));
        if taken && self.record.status == MapRunStatus::Succeeded {
            // The execution has the result, so nothing can be asked of the run again.
            self.ops.push(Op::DeleteFrames(self.id));
        }
        self.changed = true;
    }

    /// Tells the execution how the run ended.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        let rows = self.inner.opened_frames(self.inner.store.frames(self.id).await?)?;
        let row = rows.iter().find(|row| &*row.path == OUTPUT_ROW);
        let row = row.ok_or_else(|| Error::new(ErrorKind::Internal, "how a map run ended is missing"))?;
        let report = match decode::<MapReport>(&row.record)? {
            MapReport::Succeeded(output) => MapRunReport::Succeeded(output),
            MapReport::Failed(fault) => MapRunReport::Failed(fault),
        };
        let key = MapRunKey { frame: self.record.frame.clone(), arn: self.record.arn.clone() };
        let life = self.record.redrives;
        let input = Input::MapRun(key, life, report);
        let reply = self.inner.ask(self.record.execution, What::Input(input)).await?;
        self.end_life(life, reply == Reply::Accepted);
        Ok(())
    }

    /// Begins the next life of a run that is over, if one is wanted.
    pub(super) fn reopen(&mut self) {
        let Some(life) = self.next_life.filter(|_| self.record.told) else { return };
        self.next_life = None;
        let now = self.inner.env.now();
        // Lives that came and went while an earlier one was ending.
        for passed in self.record.redrives + 1..life {
            self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Run(passed))));
            self.ops.push(Op::DeleteOutbox(life_key(self.id, Life::Abort(passed))));
        }
        let record = &mut self.record;
        // Children that fail in the new life must be told from those of the one before by when they stopped.
        let after = record.stopped_at.map_or(now, |stopped| stopped.plus_millis(1));
        record.redrives = life;
        record.redriven_at = Some(now.max(after));
        record.status = MapRunStatus::Running;
        record.stopped_at = None;
        record.ending = None;
        record.told = false;
        record.children.begin_redrive();
        record.items.begin_redrive();
        record.redrive = Some(RedriveCursor { list: 0, after: record.redrive_from() });
        record.writing = None;
        if self.aborted >= Some(life) {
            record.ending = Some(Ending::Aborted);
        }
        self.changed = true;
        self.read_anew();
    }
}
