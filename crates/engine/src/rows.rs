//! An execution as the store has it: which rows a turn writes, and how they become an execution again.

use std::sync::Arc;

use newel_asl::timestamp::Timestamp;
use newel_machine::{Execution, Frame, Info, Outcome, Phase, Turn};
use newel_store::{Epoch, ExecutionRow, FrameRow, HistoryRow, Id, Op};
use newel_value::Payload;

use crate::Error;
use crate::activation::{Loaded, Write};
use crate::codec::{
    APART_FROM, ExecutionRecord, INPUT_ROW, OUTPUT_ROW, Placed, StoredOutcome, Unreadable, decode, encode,
    encode_events, status_of,
};
use crate::engine::Inner;
use crate::ids::arn_key;

/// The rows that a turn changes, the execution's first: a duplicate is told before anything else is written.
pub(crate) fn changed_rows(loaded: &mut Loaded, turn: &Turn, write: Write, now: Timestamp) -> Vec<Op> {
    let mut frames = Vec::new();
    let root = root_frame(loaded, turn, &mut frames);
    let row = execution_row(loaded, root, now);
    let mut ops = Vec::with_capacity(2 + frames.len() + turn.changed.len() + turn.removed.len());
    ops.push(match write {
        Write::Insert => Op::InsertExecution(row),
        Write::Update => Op::UpdateExecution(row),
    });
    if let (Some(first), Some(last)) = (turn.events.first(), turn.events.last()) {
        ops.push(Op::AppendHistory(HistoryRow {
            execution: loaded.id,
            first: first.id,
            last: last.id,
            record: encode_events(&turn.events),
        }));
    }
    ops.append(&mut frames);
    let info = &loaded.execution.info;
    if write == Write::Insert && Placed::of(&info.input) == Placed::Apart {
        ops.push(frame_row(loaded.id, INPUT_ROW, &info.input));
    }
    if let Some(Outcome::Succeeded(output)) = &loaded.execution.outcome
        && Placed::of(output) == Placed::Apart
    {
        ops.push(frame_row(loaded.id, OUTPUT_ROW, output));
    }
    for path in turn.changed.iter().filter(|path| !path.is_empty()) {
        if let Some(frame) = loaded.execution.frame(path) {
            ops.push(frame_row(loaded.id, path, frame));
        }
    }
    for path in turn.removed.iter().filter(|path| !path.is_empty()) {
        ops.push(Op::DeleteFrame(loaded.id, path.clone()));
    }
    ops
}

fn frame_row(execution: Id, path: &str, what: &impl serde::Serialize) -> Op {
    Op::PutFrame(FrameRow { execution, path: path.into(), record: encode(what) })
}

/// The root frame, if it is small enough for the execution's own row; else its row goes to `frames`.
fn root_frame(loaded: &mut Loaded, turn: &Turn, frames: &mut Vec<Op>) -> Option<Frame> {
    let frame = loaded.execution.frame("");
    let apart =
        frame.filter(|frame| frame.input.text().len() >= APART_FROM || matches!(frame.phase, Phase::Map(_)));
    let Some(apart) = apart else {
        let root = frame.cloned();
        if std::mem::take(&mut loaded.root_apart) {
            frames.push(Op::DeleteFrame(loaded.id, "".into()));
        }
        return root;
    };
    if !loaded.root_apart || turn.changed.iter().any(|path| path.is_empty()) {
        frames.push(frame_row(loaded.id, "", apart));
    }
    loaded.root_apart = true;
    None
}

fn execution_row(loaded: &Loaded, root: Option<Frame>, now: Timestamp) -> ExecutionRow {
    let execution = &loaded.execution;
    let info = &execution.info;
    let record = ExecutionRecord {
        arn: info.arn.clone(),
        name: info.name.clone(),
        machine_arn: info.machine_arn.clone(),
        machine_name: info.machine_name.clone(),
        role_arn: info.role_arn.clone(),
        account: info.account.clone(),
        region: info.region.clone(),
        started_at: info.started_at,
        revision: loaded.revision,
        trace_header: loaded.trace_header.clone(),
        last_event: execution.last_event,
        deadline: execution.deadline,
        input: Placed::of(&info.input),
        outcome: execution.outcome.as_ref().map(StoredOutcome::of),
        root,
        alias_arn: info.alias_arn.clone(),
        version_arn: info.version_arn.clone(),
        redrives: execution.redrives.clone(),
        child: loaded.child.clone(),
        test_case: loaded.test_case.clone(),
    };
    ExecutionRow {
        id: loaded.id,
        arn: arn_key(&info.arn),
        machine: loaded.machine,
        status: status_of(execution.outcome.as_ref()),
        sort_at: loaded.stopped_at.or(execution.redrives.last).unwrap_or(info.started_at),
        stopped_at: loaded.stopped_at,
        wake_at: wake_at(execution, now),
        record: encode(&record),
    }
}

/// When an execution wants to be woken after a crash: at once if its turn was cut short.
fn wake_at(execution: &Execution, now: Timestamp) -> Option<Timestamp> {
    if execution.is_ready() { Some(now) } else { execution.next_due() }
}

/// A payload that has a row of its own.
pub(crate) fn payload_apart(rows: &[FrameRow], path: &str) -> Result<Payload, Unreadable> {
    match rows.iter().find(|row| &*row.path == path) {
        Some(row) => decode(&row.record),
        None => Err(Unreadable::missing("a payload's row")),
    }
}

impl Inner {
    /// An execution from the store, to be worked on under that epoch.
    pub(crate) async fn load(&self, id: Id, epoch: Epoch) -> Result<Option<Box<Loaded>>, Error> {
        let Some(row) = self.store.execution(id).await? else { return Ok(None) };
        let record = self.opened_execution(&row)?;
        let rows = self.opened_frames(self.store.frames(id).await?)?;
        let root_apart = rows.iter().any(|row| row.path.is_empty());
        let mut frames = Vec::with_capacity(rows.len() + 1);
        for row in rows.iter().filter(|row| ![INPUT_ROW, OUTPUT_ROW].contains(&&*row.path)) {
            frames.push((row.path.clone(), decode(&row.record)?));
        }
        frames.extend(record.root.map(|frame| ("".into(), frame)));
        let info = Info {
            arn: record.arn,
            name: record.name,
            machine_arn: record.machine_arn,
            machine_name: record.machine_name,
            role_arn: record.role_arn,
            account: record.account,
            region: record.region,
            started_at: record.started_at,
            input: record.input.payload(|| payload_apart(&rows, INPUT_ROW))?,
            alias_arn: record.alias_arn,
            version_arn: record.version_arn,
        };
        let outcome = match record.outcome {
            Some(outcome) => Some(outcome.outcome(|| payload_apart(&rows, OUTPUT_ROW))?),
            None => None,
        };
        let plan = self.plan_of(row.machine, record.revision, record.child.as_ref()).await?;
        let mut execution =
            Execution::restore(Arc::new(info), outcome, record.last_event, record.deadline, frames);
        execution.redrives = record.redrives;
        Ok(Some(Box::new(Loaded {
            id,
            machine: row.machine,
            revision: record.revision,
            epoch,
            execution,
            plan,
            trace_header: record.trace_header,
            stopped_at: row.stopped_at,
            root_apart,
            child: record.child,
            test_case: record.test_case,
            paid: 0,
        })))
    }
}
